// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import Naming

/// Gets one image after another, with the service and its peers.
struct GetBench: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "get",
        abstract: "Gets one image, with the service and its peers."
    )

    @OptionGroup var places: Places
    @OptionGroup var peers: PeerOptions
    @OptionGroup var record: RecordOptions

    @Option(help: "The number of images in the pool.")
    var images = 1000

    @Option(help: "The number of images that each contestant gets in one round.")
    var count = 100

    @Option(help: "The number of images that rbd info gets in one round. It starts a process for each.")
    var slowCount = 20

    @Option(help: "The number of rounds.")
    var rounds = 5

    func run() throws {
        let recorder = Recorder(record, workload: "get")
        let librbd = try BareLibrbd(pool: places.pool)
        try librbd.fill(to: images)
        let results = try contest(librbd).run(rounds: rounds)
        results.printTable("get one image, the median of \(count) in a round", base: Names.service)
        results.record(recorder, "median")
        try recorder.finish()
    }

    private func contest(_ librbd: BareLibrbd) throws -> Contest {
        let (pool, path) = (places.pool, places.images)
        let client = try PlainClient(server: places.server)
        var contest = Contest(unit: "ms")
        contest.add(Names.service) { round in
            try median(count, round) { name in
                let status = try client.exchange("GET", "\(path)/\(name)").status
                guard status == 200 else { throw ValidationError("GET \(path)/\(name) answered \(status)") }
            }
        }
        contest.add(Names.bare) { round in try median(count, round) { try librbd.openAndStat($0) } }
        contest.add("\(Names.rbd) info") { round in
            try median(slowCount, round) { try RbdCommand.run("info", "\(pool)/\($0)") }
        }
        if let python = try peers.openPython() {
            contest.add(Names.python) { round in Spread(try python.get(names(count, round), in: pool)).median }
        }
        if let dashboard = try peers.openDashboard() {
            contest.add(Names.dashboard) { round in
                let connection = try dashboard.connect()
                return try median(count, round) { name in
                    let status = try dashboard.get(name, in: pool, through: connection)
                    guard status == 200 else { throw ValidationError("the Dashboard's GET answered \(status)") }
                }
            }
        }
        return contest
    }

    /// Other names in each round.
    private func names(_ count: Int, _ round: Int) -> [String] {
        (0..<count).map { BareLibrbd.name(((round - 1) * count + $0) % images) }
    }

    private func median(_ count: Int, _ round: Int, _ get: (String) throws -> Void) throws -> Double {
        Spread(try names(count, round).map { name in try milliseconds { try get(name) } }).median
    }
}
