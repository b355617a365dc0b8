// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import Naming

struct CreateBench: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "create",
        abstract: "Creates with the API beside creates with librbd alone."
    )

    @OptionGroup var places: Places
    @OptionGroup var record: RecordOptions

    @Option(help: "The number of images that each side creates in one round.")
    var count = 500

    @Option(help: "The number of rounds. Each round must meet the bound.")
    var rounds = 3

    @Option(help: "Fail if a round's ratio is over this.")
    var bound = 0.8

    func run() throws {
        let recorder = Recorder(record, workload: "create one by one")
        let librbd = try BareLibrbd(pool: places.pool)
        let client = try PlainClient(server: places.server)
        let path = places.images

        func throughTheAPI(_ name: String) throws {
            let (status, _) = try client.send("POST", path, json: #"{"name":"\#(name)","size":"1GiB"}"#)
            guard status == 201 else { throw ValidationError("POST \(path) answered \(status)") }
        }

        // Warm up: the first creates of a connection are slower.
        for number in 0..<20 {
            try librbd.create("warm-librbd-\(number)")
            try throughTheAPI("warm-api-\(number)")
        }
        let live = try (0..<count).map { _ in try milliseconds { _ = try client.send("GET", "/livez") } }
        print("HTTP alone, GET /livez: median \(decimals(percentile(50, of: live))) ms")
        print("creates one after another, in turns, \(count) each per round; milliseconds")
        print("round    librbd median      p90    API median      p90    ratio of the medians")
        var ratios: [Double] = []
        let order = try OrderCost(client)
        for round in 1...rounds {
            var bare: [Double] = []
            var api: [Double] = []
            for number in 0..<count {
                bare.append(try milliseconds { try librbd.create("librbd-\(round)-\(number)") })
                api.append(try milliseconds { try throughTheAPI("api-\(round)-\(number)") })
            }
            let ratio = percentile(50, of: api) / percentile(50, of: bare)
            ratios.append(ratio)
            recorder.sample(Names.bare, round: round, "median", "ms", percentile(50, of: bare))
            recorder.sample(Names.service, round: round, "median", "ms", percentile(50, of: api))
            print(
                pad("\(round)", 5),
                pad(decimals(percentile(50, of: bare)), 16),
                pad(decimals(percentile(90, of: bare)), 8),
                pad(decimals(percentile(50, of: api)), 13),
                pad(decimals(percentile(90, of: api)), 8),
                pad(decimals(ratio), 24)
            )
        }
        try order.tell(rounds * count, "create")
        recorder.judge(
            "create one by one: times bare librbd (every round)",
            ratios,
            unit: "x",
            limit: bound,
            byWorst: true
        )
        try recorder.finish()
    }
}
