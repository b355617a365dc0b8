// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import Glibc

/// Many connections in one thread. A thread for each would cost the two cores more than the server does. Each
/// connection has one request in flight, always the same.
final class HTTPLoad {
    private var connections: [pollfd]
    private let request: [UInt8]
    private var buffer = [UInt8](repeating: 0, count: 4096)
    /// The bytes that are missing of each connection's answer. All answers are as long as the first one.
    private var missing: [Int]
    private var length = 0
    private let status: Int
    private var sent: [ContinuousClock.Instant]
    /// How long each answer of the last run took, in milliseconds.
    private(set) var latencies: [Double] = []

    /// - Parameter status: the expected status. Any other is a failure.
    init(server: String, path: String, connections count: Int, headers: [String] = [], status: Int = 200) throws {
        let (address, host) = try PlainClient.address(of: server)
        connections = try (0..<count).map { _ in
            pollfd(fd: try PlainClient.connect(to: address, server), events: Int16(POLLIN), revents: 0)
        }
        missing = Array(repeating: 0, count: count)
        sent = Array(repeating: .now, count: count)
        self.status = status
        let lines = headers.map { $0 + "\r\n" }.joined()
        request = Array("GET \(path) HTTP/1.1\r\nHost: \(host)\r\n\(lines)\r\n".utf8)
        try learnLength(path)
    }

    deinit {
        for connection in connections { close(connection.fd) }
    }

    /// - Returns: answers per second.
    func run(seconds: Double) throws -> Double {
        latencies.removeAll(keepingCapacity: true)
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
                    latencies.append(milliseconds(since: sent[index]))
                    try send(index)
                }
            }
            // Wait for the requests in flight at the end, without counting them.
            if !over { taken = milliseconds(since: start) / 1000 }
        }
        return Double(answers) / taken
    }

    /// Sends one request by itself. All later answers are as long as its answer.
    private func learnLength(_ path: String) throws {
        try send(0)
        var received: [UInt8] = []
        while true {
            let count = read(connections[0].fd, &buffer, buffer.count)
            guard count > 0 else { throw ValidationError("the server closed a connection") }
            received += buffer[..<count]
            let text = String(decoding: received, as: UTF8.self)
            guard let end = text.firstRange(of: "\r\n\r\n")?.lowerBound else { continue }
            guard text.hasPrefix("HTTP/1.1 \(status) "),
                let body = text[..<end].lowercased().firstMatch(of: /content-length: *([0-9]+)/)?.1,
                let bytes = Int(body)
            else { throw ValidationError("GET \(path) answered \(text.prefix { !$0.isNewline })") }
            length = text[..<end].utf8.count + 4 + bytes
            if received.count >= length { return }
        }
    }

    private func send(_ index: Int) throws {
        guard write(connections[index].fd, request, request.count) == request.count else {
            throw ValidationError("the server closed a connection")
        }
        missing[index] = length
        sent[index] = .now
    }

    /// - Returns: whether the answer is complete.
    private func receive(_ index: Int) throws -> Bool {
        let count = read(connections[index].fd, &buffer, buffer.count)
        guard count > 0, count <= missing[index] else {
            throw ValidationError(count > 0 ? "an answer is longer than the first" : "the server closed a connection")
        }
        missing[index] -= count
        return missing[index] == 0
    }
}
