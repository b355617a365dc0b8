// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

import RBDAPI
import TestSupport
import Testing

@testable import Ceph

/// Lists of operations are as current as the records, although most records are not read again.
@Suite(.tags(.cluster), .enabled(if: TestCluster.isAvailable), .timeLimit(.minutes(5)))
struct OperationListTests {
    private func list(_ server: TestServer, _ query: String) async throws -> [RBDAPI.Operation] {
        try await server.get("/v1/operations?\(query)").decoded(as: Page<RBDAPI.Operation>.self).items
    }

    private func purge(_ server: TestServer, _ pool: String, _ name: String) async throws -> RBDAPI.Operation {
        let path = "/v1/pools/\(pool)/images/\(name)"
        #expect(try await server.put(path, #"{"size":"1MiB"}"#).status == 201)
        let begun: RBDAPI.Operation = try await server.delete("\(path)?purge=true").decoded()
        return try await server.get("/v1/operations/\(begun.id)?wait=60s").decoded()
    }

    @Test func whatAnotherReplicaHasDoneIsListedAtOnce() async throws {
        try await TestServer.withCluster { one in
            try await TestServer.withCluster { other in
                try await TestCluster.withPool { pool, _ in
                    #expect(try await list(one, "pool=\(pool)").isEmpty)
                    var done: [String] = []
                    for number in 0..<6 {
                        let purged = try await purge(number % 2 == 0 ? one : other, pool, "v-\(number)")
                        done.insert(purged.id, at: 0)
                        for server in [one, other, one] {
                            let listed = try await list(server, "pool=\(pool)")
                            #expect(listed.map(\.id) == done)
                            #expect(listed.allSatisfy { $0.state == .succeeded && $0.finishedAt != nil })
                        }
                    }
                    #expect(try await list(one, "pool=\(pool)&limit=2").map(\.id) == Array(done.prefix(2)))
                    // The list of all pools has the same order.
                    let all = try await list(other, "limit=10000").filter { $0.pool == pool }
                    #expect(all.map(\.id) == done)
                }
            }
        }
    }

    /// An operation is listed from its beginning, in each of its states.
    @Test func whatIsNotFinishedIsReadAnew() async throws {
        try await TestServer.withCluster { server in
            try await TestCluster.withPool { pool, _ in
                let images = "/v1/pools/\(pool)/images"
                #expect(
                    try await server.put("\(images)/long", #"{"size":"1TiB","features":["layering"]}"#).status == 201
                )
                _ = try await purge(server, pool, "short")
                let begun: RBDAPI.Operation = try await server.post("\(images)/long/copy", #"{"name":"copied"}"#)
                    .decoded()
                #expect(try await list(server, "pool=\(pool)").map(\.id).first == begun.id)
                func listed() async throws -> RBDAPI.Operation? {
                    try await list(server, "pool=\(pool)").first { $0.id == begun.id }
                }
                while try await listed()?.state != .running { try await Task.sleep(for: .milliseconds(20)) }
                #expect(try await server.delete("/v1/operations/\(begun.id)").status == 202)
                while try await listed()?.state != .cancelled { try await Task.sleep(for: .milliseconds(20)) }
                // A purge of the incomplete copy may be running.
                let running = try await list(server, "pool=\(pool)&state=running")
                #expect(!running.contains { $0.id == begun.id })
            }
        }
    }

    /// The object of the new pool's operations may have the same version as that of the old pool.
    @Test func aPoolThatIsMadeAnewHasNoneOfTheOldOperations() async throws {
        try await TestServer.withCluster { server in
            try await TestCluster.withPool { pool, cluster in
                let old = try await purge(server, pool, "v")
                #expect(try await list(server, "pool=\(pool)").map(\.id) == [old.id])
                try await cluster.deletePool(named: pool)
                _ = try await cluster.createPool(named: pool, options: PoolOptions(pgNum: 8, size: 1, autoscale: .off))
                try await cluster.initializePool(named: pool)
                while try await server.get("/v1/pools/\(pool)/images").status != 200 {
                    try await Task.sleep(for: .milliseconds(50))
                }
                #expect(try await list(server, "pool=\(pool)").isEmpty)
                let new = try await purge(server, pool, "v")
                #expect(try await list(server, "pool=\(pool)").map(\.id) == [new.id])
            }
        }
    }
}
