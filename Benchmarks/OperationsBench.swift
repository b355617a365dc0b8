// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import Foundation

/// Lists one operation among thousands. Operations that are not on the page should cost next to nothing.
struct OperationsBench: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "operations",
        abstract: "Lists one operation among thousands, beside HTTP alone."
    )

    @OptionGroup var places: Places
    @OptionGroup var record: RecordOptions

    @Option(help: "The number of operations on record. They are purges that have ended.")
    var records = 4000

    @Option(help: "The number of requests in one round.")
    var count = 100

    @Option(help: "The number of rounds.")
    var rounds = 5

    func run() throws {
        let recorder = Recorder(record, workload: "operations")
        let librbd = try BareLibrbd(pool: places.pool)
        let client = try PlainClient(server: places.server)
        let stamp = String(Int(Date().timeIntervalSince1970), radix: 36)
        for number in 0..<records {
            let name = "\(stamp)-\(number)"
            try librbd.create(name)
            try places.purge(name, through: client)
        }
        func median(_ target: String) throws -> Double {
            Spread(
                try (0..<count).map { _ in
                    try milliseconds {
                        let (status, body) = try client.send("GET", target)
                        guard status == 200 else { throw ValidationError("GET \(target) answered \(status): \(body)") }
                    }
                }
            ).median
        }
        var contest = Contest(unit: "ms")
        for target in ["/livez", "/v1/operations?limit=1", "/v1/operations?limit=1&pool=\(places.pool)"] {
            contest.add("GET \(target)") { _ in try median(target) }
        }
        let results = try contest.run(rounds: rounds)
        results.printTable("one of \(records) operations listed, the median of \(count) in a round", base: "GET /livez")
        results.record(recorder, "median")
        try recorder.finish()
    }
}
