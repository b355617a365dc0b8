// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

import Ceph
import Foundation
import RBDAPI
import TestSupport
import Testing

@testable import RBDService

/// Limits that the operator sets, and limits that the service sets itself.
@Suite(.tags(.cluster), .enabled(if: TestCluster.isAvailable), .timeLimit(.minutes(5)))
struct LimitTests {
    @Test func theLargestImage() async throws {
        try await TestServer.withCluster(change: { $0.largestImage = ByteCount(1 << 30) }) { server in
            try await TestCluster.withPool { pool, _ in
                let images = "/v1/pools/\(pool)/images"
                _ = try await TestCluster.run("rbd", ["create", "\(pool)/older", "--size", "2G"])
                #expect(try await server.put("\(images)/vol", #"{"size":"1GiB"}"#).status == 201)
                for answer in [
                    try await server.put("\(images)/large", #"{"size":1073741825}"#),
                    try await server.post(images, #"{"name":"large","size":"1TiB"}"#),
                    try await server.post("\(images)?dryRun=true", #"{"name":"large","size":"1TiB"}"#),
                    try await server.put("\(images)/large?dryRun=true", #"{"size":"1TiB"}"#),
                    try await server.patch("\(images)/vol", #"{"size":"2GiB"}"#),
                    try await server.patch("\(images)/older", #"{"size":"3GiB"}"#),
                ] {
                    let problem = try answer.problem
                    #expect(problem.code == "invalid-size")
                    #expect(problem.field == "size")
                    #expect(problem.detail == "size: the maximum size of an image is 1GiB")
                    #expect(problem.hint?.contains("largest-image") == true)
                }
                // Existing images may stay, and PUT finds them.
                #expect(try await server.put("\(images)/older", #"{"size":"2GiB"}"#).status == 200)
                #expect(try await server.patch("\(images)/older", #"{"name":"old"}"#).status == 200)
                #expect(try await server.get("\(images)/large").status == 404)
            }
        }
    }

    @Test func theLargestPage() async throws {
        try await TestServer.withCluster(change: { $0.largestPage = 100 }) { server in
            try await TestCluster.withPool { pool, cluster in
                let place = cluster.pool(pool)
                #expect(try await server.get("/v1/pools/\(pool)/images?limit=100").status == 200)
                // The limit also holds if callers are not authenticated.
                for number in 0..<101 {
                    _ = try await place.createImage(named: "vol-\(number)", sizeBytes: 1)
                }
                let page = try await server.get("/v1/pools/\(pool)/images").decoded(as: Page<RBDAPI.Image>.self)
                #expect(page.items.count == 100)
                #expect(page.nextCursor != nil)
                let problem = try await server.get("/v1/pools/\(pool)/images?limit=101").problem
                #expect(problem.code == "invalid-parameter")
                #expect(problem.field == "limit")
                #expect(problem.detail == "limit: it may be 100 at most here")
            }
        }
    }

    @Test func connectionsOfOneAddress() async throws {
        try await TestServer.withCluster(change: { $0.connectionsPerAddress = 6 }) { server in
            func ask(_ connection: RawConnection) async -> Bool {
                connection.send("GET /livez HTTP/1.1\r\nHost: x\r\n\r\n")
                return await connection.read { $0.contains("\"ok\"") }.contains(" 200 ")
            }
            var held: [RawConnection] = []
            // The test's own client has some connections, too.
            while held.count < 7 {
                let connection = try RawConnection(to: server.url)
                guard await ask(connection) else { break }
                held.append(connection)
            }
            #expect((2...6).contains(held.count))
            held.removeLast()
            var isServed = false
            // The server notices the closed connection a moment later.
            for _ in 0..<100 where !isServed {
                try await Task.sleep(for: .milliseconds(20))
                isServed = await ask(try RawConnection(to: server.url))
            }
            #expect(isServed)
        }
    }

    /// The memory for large unread answers is bounded. Further requests wait for memory, and are refused shortly before
    /// their deadline.
    @Test func answersThatWaitForTheirReaders() async throws {
        try await TestServer.withCluster(change: { $0.memoryLimit = MemoryLimit("64MiB") ?? .usual }) { server in
            try await TestCluster.withPool { pool, cluster in
                let place = cluster.pool(pool)
                try await withThrowingTaskGroup(of: Void.self) { group in
                    for client in 0..<16 {
                        group.addTask {
                            for number in stride(from: client, to: 1000, by: 16) {
                                _ = try await place.createImage(named: "vol-\(number)", sizeBytes: 1 << 20)
                            }
                        }
                    }
                    try await group.waitForAll()
                }
                let list = "/v1/pools/\(pool)/images?limit=1000"
                let page = try await server.get(list)
                #expect(page.status == 200)
                // The limit is a sixteenth of the memory. This is how many such answers fit.
                let most = (4 << 20) / page.text.utf8.count
                var stalled = try (0..<most + 10).map { _ in
                    let reader = try RawConnection(to: server.url, receiveBuffer: 4096)
                    reader.send("GET \(list) HTTP/1.1\r\nHost: x\r\n\r\n")
                    return reader
                }
                var answer = page
                for _ in 0..<100 where answer.status == 200 {
                    try await Task.sleep(for: .milliseconds(50))
                    answer = try await server.send("GET", list, headers: ["Request-Timeout": "1"])
                }
                let problem = try answer.problem
                #expect(answer.status == 503)
                #expect(problem.code == "overloaded")
                #expect(problem.hint?.contains("smaller pages") == true)
                // Small answers are still served.
                #expect(try await server.get("/v1/pools/\(pool)/images?limit=10").status == 200)
                stalled = []
                for _ in 0..<100 where answer.status != 200 {
                    try await Task.sleep(for: .milliseconds(50))
                    answer = try await server.get(list)
                }
                #expect(answer.status == 200)
                #expect(stalled.isEmpty)
            }
        }
    }
}
