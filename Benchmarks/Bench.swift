// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import RBDAPI

/// Measures the service beside librbd and rbd: one image by the one, one by the other, on the same cluster, so that
/// whatever else the machine does hits both alike. What counts is the ratio.
@main
struct Bench: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "rbd-bench",
        abstract: "Measures the service beside librbd and rbd.",
        discussion: "dev/bench starts the cluster and the service, and runs this.",
        subcommands: [CreateBench.self, DeleteBench.self]
    )
}

struct Places: ParsableArguments {
    @Option(help: "Where the service is: http://127.0.0.1:PORT.")
    var server: String

    @Option(help: "An existing pool that both sides work in.")
    var pool: String

    var images: String { "/v1/pools/\(PercentEncoding.encode(pool))/images" }
}

struct CreateBench: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "create",
        abstract: "Creates through the API beside creates through librbd alone."
    )

    @OptionGroup var places: Places

    @Option(help: "Images that each side creates in one round.")
    var count = 500

    @Option(help: "Rounds; each must meet the bound.")
    var rounds = 3

    @Option(help: "Fail where a round's ratio is over this.")
    var bound = 1.3

    func run() throws {
        let librbd = try BareLibrbd(pool: places.pool)
        let client = try PlainClient(server: places.server)
        let path = places.images

        func throughTheAPI(_ name: String) throws {
            let (status, _) = try client.send("POST", path, json: #"{"name":"\#(name)","size":"1GiB"}"#)
            guard status == 201 else { throw ValidationError("POST \(path) answered \(status)") }
        }

        // The first creates of a connection pay for much that later ones don't.
        for number in 0..<20 {
            try librbd.create("warm-librbd-\(number)")
            try throughTheAPI("warm-api-\(number)")
        }
        let live = try (0..<count).map { _ in try milliseconds { _ = try client.send("GET", "/livez") } }
        print("HTTP alone, GET /livez: median \(decimals(percentile(50, of: live))) ms")
        print("creates one after another, by turns, \(count) each a round; milliseconds")
        print("round    librbd median      p90    API median      p90    ratio of the medians")
        var worst = 0.0
        for round in 1...rounds {
            var bare: [Double] = []
            var api: [Double] = []
            for number in 0..<count {
                bare.append(try milliseconds { try librbd.create("librbd-\(round)-\(number)") })
                api.append(try milliseconds { try throughTheAPI("api-\(round)-\(number)") })
            }
            let ratio = percentile(50, of: api) / percentile(50, of: bare)
            worst = max(worst, ratio)
            print(
                pad("\(round)", 5),
                pad(decimals(percentile(50, of: bare)), 16),
                pad(decimals(percentile(90, of: bare)), 8),
                pad(decimals(percentile(50, of: api)), 13),
                pad(decimals(percentile(90, of: api)), 8),
                pad(decimals(ratio), 24)
            )
        }
        print("worst ratio \(decimals(worst)), bound \(decimals(bound)): \(worst <= bound ? "met" : "missed")")
        if worst > bound { throw ExitCode(1) }
    }
}
