// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import Foundation
import Naming

/// Creates images with many clients at once, with the service and its peers. It measures creates per second.
struct ClientsBench: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "clients",
        abstract: "Creates with 1, 16 and 64 clients at once, with the service and its peers."
    )

    @OptionGroup var places: Places
    @OptionGroup var peers: PeerOptions
    @OptionGroup var record: RecordOptions

    @Option(help: "The number of clients at once. May be repeated. Default: 1, 16 and 64.")
    var clients: [Int] = []

    @Option(help: "The number of images that a contestant's clients create together in one round.")
    var count = 320

    @Option(help: "The number of rounds.")
    var rounds = 5

    func run() throws {
        let recorder = Recorder(record, workload: "create")
        let librbd = try BareLibrbd(pool: places.pool)
        for clients in clients.isEmpty ? [1, 16, 64] : clients {
            let results = try contest(librbd, clients: clients).run(rounds: rounds)
            results.printTable("create with \(clients) clients, \(count) images a round", base: Names.service)
            results.record(recorder, "throughput", clients: clients)
            guard clients == 16 else { continue }
            let bounds = [
                ("create with 16 clients: times the bare librbd loop", Names.bare, 0.9),
                ("create with 16 clients: times the Dashboard", Names.dashboard, 1.5),
            ]
            for (bound, peer, limit) in bounds {
                let ratios = results.ratios(Names.service, over: peer)
                recorder.judge(bound, ratios, unit: "x", limit: limit, atLeast: true)
            }
        }
        try recorder.finish()
    }

    private func contest(_ librbd: BareLibrbd, clients: Int) throws -> Contest {
        let (server, pool, path, count) = (places.server, places.pool, places.images, count)
        // A second run in the same pool must use other names than the first.
        let stamp = String(Int(Date().timeIntervalSince1970), radix: 36)
        func name(_ contestant: String, _ round: Int) -> String { "\(stamp)-\(clients)-\(contestant)-\(round)" }
        func perSecond(_ milliseconds: Double) -> Double { Double(count) / milliseconds * 1000 }

        var contest = Contest(unit: "images/s")
        contest.add(Names.service) { round in
            let (prefix, numbers) = (name("api", round), Counter(below: count))
            return perSecond(
                try Crowd.run(clients) { _ in
                    let client = try PlainClient(server: server)
                    _ = try client.exchange("GET", "/livez")
                    return {
                        while let number = numbers.next() {
                            let body = #"{"name":"\#(prefix)-\#(number)","size":"1GiB"}"#
                            let answer = try client.exchange("POST", path, json: body)
                            guard answer.status == 201 else {
                                throw ValidationError("POST \(path) answered \(answer.status): \(answer.text)")
                            }
                        }
                    }
                }
            )
        }
        contest.add(Names.bare) { round in
            let (prefix, numbers) = (name("librbd", round), Counter(below: count))
            return perSecond(
                try Crowd.run(clients) { _ in
                    { while let number = numbers.next() { try librbd.create("\(prefix)-\(number)") } }
                }
            )
        }
        if let python = try peers.openPython() {
            contest.add(Names.python) { round in
                perSecond(try python.create(name("python", round), count, in: pool, threads: clients))
            }
        }
        if let dashboard = try peers.openDashboard() {
            contest.add(Names.dashboard) { round in
                let (prefix, numbers) = (name("dashboard", round), Counter(below: count))
                return perSecond(
                    try Crowd.run(clients) { _ in
                        let connection = try dashboard.connect()
                        return {
                            while let number = numbers.next() {
                                try dashboard.create("\(prefix)-\(number)", in: pool, through: connection)
                            }
                        }
                    }
                )
            }
        }
        return contest
    }
}
