// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

import Foundation
import NIOCore
import NIOPosix
import Synchronization
import TestSupport
import Testing

/// No client can monopolise the service.
@Suite(.tags(.cluster), .enabled(if: TestCluster.isAvailable), .timeLimit(.minutes(2)))
struct FairnessTests {
    private final class Signal: Sendable {
        private let value = Atomic(false)

        var isGiven: Bool { value.load(ordering: .relaxed) }

        func give() { value.store(true, ordering: .relaxed) }
    }

    /// A client that sends requests without waiting for answers gets its share, and others are answered in between.
    @Test(arguments: ["/livez", "/readyz", "/nothing"])
    func requestsInAPipelineKeepNobodyWaiting(path: String) async throws {
        try await TestServer.withCluster { server in
            let isEnough = Signal()
            // This puts some connections on each event loop.
            let greedy = try (0..<4 * System.coreCount).map { _ in try RawConnection(to: server.url) }
            let requests = Array(String(repeating: "GET \(path) HTTP/1.1\r\nHost: greedy\r\n\r\n", count: 1000).utf8)
            for connection in greedy {
                Thread.detachNewThread { while !isEnough.isGiven, connection.send(requests) {} }
            }
            async let answers = withTaskGroup(of: Int.self) { group in
                for connection in greedy { group.addTask { await connection.discard { !isEnough.isGiven } } }
                return await group.reduce(into: []) { $0.append($1) }
            }
            try await Task.sleep(for: .milliseconds(50))
            for _ in 0..<3 {
                let modest = try RawConnection(to: server.url)
                modest.send("GET /livez HTTP/1.1\r\nHost: modest\r\nConnection: close\r\n\r\n")
                let answer = await modest.read()
                #expect(answer.hasPrefix("HTTP/1.1 200"))
            }
            isEnough.give()
            let sizes = await answers
            // Each greedy connection was answered, too.
            #expect(sizes.allSatisfy { $0 > 0 }, "\(sizes)")
        }
    }

    /// Reads that go through a whole image, by callers that do not wait for them, do not delay short reads.
    @Test func longReadsKeepNobodyWaiting() async throws {
        try await TestServer.withCluster { server in
            try await TestCluster.withPool { pool, _ in
                let images = "/v1/pools/\(pool)/images"
                let huge = #"{"size":"256GiB","features":["layering"]}"#
                #expect(try await server.put("\(images)/huge", huge).status == 201)
                #expect(try await server.post("\(images)/huge/snapshots", #"{"name":"s"}"#).status == 201)
                #expect(try await server.put("\(images)/small", #"{"size":"1GiB"}"#).status == 201)
                let careless = try (0..<100).map { _ in try RawConnection(to: server.url) }
                for connection in careless {
                    connection.send("GET \(images)/huge/snapshots?fields=usage HTTP/1.1\r\nHost: careless\r\n")
                    connection.send("Request-Timeout: 1\r\nConnection: close\r\n\r\n")
                }
                var statuses: Set<Int> = []
                for connection in careless { statuses.formUnion(RawConnection.statuses(in: await connection.read())) }
                #expect(
                    !statuses.isDisjoint(with: [503, 504]),
                    "they were too fast to be in anybody's way: \(statuses)"
                )
                for _ in 0..<10 {
                    let small = try await server.get("\(images)/small")
                    #expect(small.status == 200, "\(small.text)")
                    let ready = try await server.get("/readyz")
                    #expect(ready.status == 200, "\(ready.text)")
                }
                #expect(try await server.put("\(images)/another", #"{"size":"1GiB"}"#).status == 201)
            }
        }
    }

    /// The probes have a port of their own, which serves nothing else.
    @Test func theHealthPortAnswersProbesAlone() async throws {
        let daemon = try await RunningDaemon.start(["--health-port", "0", "--audit-log", "off"])
        defer { daemon.process.signal(SIGKILL) }
        let line = try await daemon.process.waitForOutput(containing: "rbd-rest-api health listening on ")
        let health = TestServer(url: String(try #require(line.split(separator: " ").last)))
        #expect(try await health.get("/livez").status == 200)
        #expect(try await health.get("/readyz").status == 200)
        for path in ["/v1/cluster", "/metrics", "/openapi.yaml"] {
            #expect(try await health.get(path).status == 404)
            #expect(try await daemon.server.get(path).status == 200)
        }
    }
}
