// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import Glibc
import Naming

/// HTTP alone: the number of cheapest requests that the service answers per second, beside a server of Go's standard
/// library that gives the same answer.
struct LiveBench: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "live",
        abstract: "GET /livez over 1, 64 and 512 kept connections, beside Go's net/http if there is a go command."
    )

    @OptionGroup var places: Places
    @OptionGroup var record: RecordOptions

    @Option(help: "The address of dev/bench_livez.go: http://127.0.0.1:PORT.")
    var go: String?

    @Option(help: "The number of connections. May be repeated. Default: 1, 64 and 512.")
    var connections: [Int] = []

    @Option(help: "How long each server gets requests in one round, in seconds.")
    var seconds = 2.0

    @Option(help: "The number of rounds.")
    var rounds = 5

    func run() throws {
        let recorder = Recorder(record, workload: "live")
        try raiseDescriptorLimit()
        for connections in connections.isEmpty ? [1, 64, 512] : connections {
            var contest = Contest(unit: "requests/s")
            var servers = [(Names.service, places.server)]
            if let go { servers.append(("Go net/http", go)) }
            // The connections are opened once and kept from round to round. A server keeps an idle connection for
            // longer than the two seconds of a round.
            for (name, server) in servers {
                let load = try HTTPLoad(server: server, path: "/livez", connections: connections)
                contest.add(name) { _ in try load.run(seconds: seconds) }
            }
            let results = try contest.run(rounds: rounds)
            results.printTable("GET /livez over \(connections) connections", base: Names.service)
            results.record(recorder, "throughput", clients: connections)
            if connections == 64, go != nil {
                let ratios = results.ratios("Go net/http", over: Names.service)
                recorder.judge("HTTP only with 64 connections: Go's throughput", ratios, unit: "x service", limit: 2)
            }
        }
        if go == nil { print("there is no go command, so only the service was measured") }
        try recorder.finish()
    }

    private func raiseDescriptorLimit() throws {
        var limit = rlimit()
        getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit)
        let needed = rlim_t((connections.max() ?? 512) * 2 + 64)
        if limit.rlim_cur >= needed { return }
        limit.rlim_cur = min(needed, limit.rlim_max)
        guard limit.rlim_cur == needed, setrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit) == 0 else {
            throw ValidationError("needs \(needed) file descriptors; the limit is \(limit.rlim_max) (ulimit -Hn)")
        }
    }
}
