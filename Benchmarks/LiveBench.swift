// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import Glibc

/// HTTP and nothing else: how many requests a second the service answers that cost it nothing, beside a server of Go's
/// standard library that gives the same answer.
struct LiveBench: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "live",
        abstract: "GET /livez over 1, 64 and 512 kept connections, beside Go's net/http where there is one."
    )

    @OptionGroup var places: Places
    @OptionGroup var record: RecordOptions

    @Option(help: "dev/bench_livez.go, where it listens: http://127.0.0.1:PORT.")
    var go: String?

    @Option(help: "How many connections; may be given several times. Default: 1, 64 and 512.")
    var connections: [Int] = []

    @Option(help: "Seconds that each server is asked in one round.")
    var seconds = 2.0

    @Option(help: "Rounds.")
    var rounds = 5

    func run() throws {
        let recorder = Recorder(record, workload: "live")
        try raiseDescriptorLimit()
        for connections in connections.isEmpty ? [1, 64, 512] : connections {
            var contest = Contest(unit: "requests/s")
            var servers = [(Names.service, places.server)]
            if let go { servers.append(("Go net/http", go)) }
            // Opened once: they are kept from round to round, as keep-alive has it. Two seconds are less than any server's
            // patience with an idle connection.
            for (name, server) in servers {
                let load = try HTTPLoad(server: server, path: "/livez", connections: connections)
                contest.add(name) { _ in try load.run(seconds: seconds) }
            }
            let results = try contest.run(rounds: rounds)
            results.printTable("GET /livez over \(connections) connections", base: Names.service)
            results.record(recorder, "throughput", clients: connections)
            if connections == 64, go != nil {
                let ratios = results.ratios("Go net/http", over: Names.service)
                recorder.judge("HTTP only with 64 connections: Go's throughput", ratios, unit: "x ours", limit: 2)
            }
        }
        if go == nil { print("no Go here: the service alone was measured") }
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

/// Many connections in one thread: a thread for each would cost the two cores more than the server does. Each connection has
/// one request on its way, always the same.
private final class HTTPLoad {
    private var connections: [pollfd]
    private let request: [UInt8]
    private var buffer = [UInt8](repeating: 0, count: 4096)
    /// What is missing of each connection's answer; the length of all answers is that of the first.
    private var missing: [Int]
    private var length = 0

    init(server: String, path: String, connections count: Int) throws {
        let (address, host) = try PlainClient.address(of: server)
        connections = try (0..<count).map { _ in
            pollfd(fd: try PlainClient.connect(to: address, server), events: Int16(POLLIN), revents: 0)
        }
        missing = Array(repeating: 0, count: count)
        request = Array("GET \(path) HTTP/1.1\r\nHost: \(host)\r\n\r\n".utf8)
        try learnLength(server, path)
    }

    deinit {
        for connection in connections { close(connection.fd) }
    }

    /// - Returns: answers in a second.
    func run(seconds: Double) throws -> Double {
        for index in connections.indices { try send(index) }
        var (answers, waiting) = (0, connections.count)
        let start = ContinuousClock.now
        let end = start + .seconds(seconds)
        var taken = 0.0
        while waiting > 0 {
            guard poll(&connections, nfds_t(connections.count), 10_000) > 0 else {
                throw ValidationError("no answer for ten seconds")
            }
            let over = ContinuousClock.now >= end
            for index in connections.indices where connections[index].revents != 0 {
                guard try receive(index) else { continue }
                if over {
                    waiting -= 1
                } else {
                    answers += 1
                    try send(index)
                }
            }
            // What was on its way at the end is waited for and not counted.
            if !over { taken = milliseconds(since: start) / 1000 }
        }
        return Double(answers) / taken
    }

    /// One request by itself; what it answers is as long as every answer.
    private func learnLength(_ server: String, _ path: String) throws {
        let answer = try PlainClient(server: server).exchange("GET", path)
        guard answer.status == 200 else { throw ValidationError("GET \(path) answered \(answer.status)") }
        length = 0
        try send(0)
        let end = Array("\r\n\r\n".utf8) + answer.body
        var received: [UInt8] = []
        while !received.suffix(end.count).elementsEqual(end) {
            let count = read(connections[0].fd, &buffer, buffer.count)
            guard count > 0 else { throw ValidationError("the server closed a connection") }
            received += buffer[..<count]
        }
        length = received.count
    }

    private func send(_ index: Int) throws {
        guard write(connections[index].fd, request, request.count) == request.count else {
            throw ValidationError("the server closed a connection")
        }
        missing[index] = length
    }

    /// - Returns: whether the answer is whole.
    private func receive(_ index: Int) throws -> Bool {
        let count = read(connections[index].fd, &buffer, buffer.count)
        guard count > 0, count <= missing[index] else {
            throw ValidationError(count > 0 ? "an answer is longer than the first" : "the server closed a connection")
        }
        missing[index] -= count
        return missing[index] == 0
    }
}
