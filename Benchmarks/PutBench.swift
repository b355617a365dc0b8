// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import Naming

/// PUTs an image that exists and matches, as a provisioner does that repeats its requests.
struct PutBench: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "put",
        abstract: "PUTs an image that exists and is identical, beside HTTP alone and beside opening it with librbd."
    )

    @OptionGroup var places: Places
    @OptionGroup var record: RecordOptions

    @Option(help: "The number of PUTs in one round.")
    var count = 300

    @Option(help: "The number of rounds.")
    var rounds = 5

    func run() throws {
        let recorder = Recorder(record, workload: "put")
        let librbd = try BareLibrbd(pool: places.pool)
        let client = try PlainClient(server: places.server)
        let path = "\(places.images)/put-again"
        func put() throws -> Int { try client.exchange("PUT", path, json: #"{"size":"1GiB"}"#).status }
        let first = try put()
        guard first == 200 || first == 201 else { throw ValidationError("PUT \(path) answered \(first)") }

        print("PUT of an existing identical image, \(count) in turns per round; ms, medians")
        print("round  GET /livez        PUT       over  open+stat by librbd")
        var over: [Double] = []
        let order = try OrderCost(client)
        for round in 1...max(1, rounds) {
            var (live, puts, opens): ([Double], [Double], [Double]) = ([], [], [])
            for _ in 0..<count {
                live.append(try milliseconds { _ = try client.exchange("GET", "/livez") })
                var status = 0
                puts.append(try milliseconds { status = try put() })
                guard status == 200 else { throw ValidationError("PUT \(path) answered \(status)") }
                opens.append(try milliseconds { try librbd.openAndStat("put-again") })
            }
            let medians = [live, puts, opens].map { Spread($0).median }
            over.append(medians[1] - medians[0])
            print(
                pad("\(round)", 5),
                pad(decimals(medians[0]), 11),
                pad(decimals(medians[1]), 10),
                pad(decimals(medians[1] - medians[0]), 10),
                pad(decimals(medians[2]), 20)
            )
            for (contestant, value) in zip(["GET /livez", Names.service, "\(Names.bare) open and stat"], medians) {
                recorder.sample(contestant, round: round, "median", "ms", value)
            }
        }
        try order.tell(max(1, rounds) * count, "PUT")
        recorder.judge("PUT of an existing image: p50 beyond HTTP", over, unit: "ms", limit: 2)
        try recorder.finish()
    }
}
