// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

import Foundation
import RBDAPI
import TestSupport
import Testing

@testable import RBDService

/// The work of one identity does not reach other identities, and takes nothing from them.
@Suite(.tags(.cluster), .enabled(if: TestCluster.isAvailable), .timeLimit(.minutes(5)))
struct SmallScopesTests {
    private func withIdentities(
        change: @escaping @Sendable (inout ServiceConfiguration) -> Void = { _ in },
        _ body: @escaping @Sendable (_ pool: String, _ as: @Sendable (String) -> TestServer) async throws -> Void
    ) async throws {
        try await TestCluster.withPool { pool, _ in
            let identities = try TestIdentities([
                "everything": ["all:*"], "a": ["all:\(pool)/a-*"], "creator": ["create:\(pool)"],
            ])
            let file = identities.path
            try await TestServer.withCluster(change: {
                $0.tokenFile = file
                change(&$0)
            }) { server in
                try await body(pool) { server.with(token: identities.token(of: $0)) }
            }
        }
    }

    @Test func aGroupIsNotDeletedFromUnderOthersImages() async throws {
        try await withIdentities { pool, identity in
            let (all, one) = (identity("everything"), identity("a"))
            let group = "/v1/pools/\(pool)/groups/a-group"
            #expect(try await one.post("/v1/pools/\(pool)/groups", #"{"name":"a-group"}"#).status == 201)
            for name in ["a-1", "b-1"] {
                #expect(try await all.put("/v1/pools/\(pool)/images/\(name)", #"{"size":"1MiB"}"#).status == 201)
                #expect(try await all.put("\(group)/images/\(name)", "").status == 201)
            }
            for path in [group, "\(group)?dryRun=true"] {
                let refused = try await one.delete(path)
                #expect(refused.status == 403)
                #expect(!refused.text.contains("b-1"))
            }
            #expect(try await all.get("/v1/pools/\(pool)/images/b-1").decoded(as: RBDAPI.Image.self).group != nil)
            #expect(try await all.delete("\(group)/images/b-1").status == 204)
            #expect(try await one.delete(group).status == 204)
        }
    }

    /// The names on all pages of a list.
    private func names(_ server: TestServer, _ path: String) async throws -> [String] {
        var (names, cursor) = ([String](), "")
        repeat {
            let answer = try await server.get(path + cursor)
            #expect(answer.status == 200, "\(path): \(answer.text)")
            let page = try answer.decoded(as: Page<RBDAPI.Image>.self)
            names += page.items.map(\.name)
            cursor = page.nextCursor.map { "&cursor=\($0)" } ?? ""
        } while !cursor.isEmpty
        return names
    }

    /// Images that are out of scope are not even read, so the time of a list says nothing about them.
    @Test func listsGoThroughTheNamesInScopeAlone() async throws {
        try await TestCluster.withPool { pool, _ in
            let identities = try TestIdentities([
                "all": ["all:*"],
                "few": ["read:\(pool)/a-*", "read:\(pool)/c", "read:\(pool)/a-1*", "create:\(pool)/b-*"],
            ])
            let file = identities.path
            try await TestServer.withCluster(change: { $0.tokenFile = file }) { server in
                let all = server.with(token: identities.token(of: "all"))
                let images = "/v1/pools/\(pool)/images"
                for name in ["a", "a-1", "a-2", "b-1", "b-2", "c", "c-1", "d"] {
                    let made = try await all.put("\(images)/\(name)", #"{"size":"1MiB"}"#)
                    #expect(made.status == 201)
                }
                let few = server.with(token: identities.token(of: "few"))
                for limit in 1...4 {
                    #expect(try await names(few, "\(images)?limit=\(limit)") == ["a-1", "a-2", "c"])
                    #expect(
                        try await names(few, "\(images)?sort=size&order=desc&limit=\(limit)").sorted() == [
                            "a-1", "a-2", "c",
                        ]
                    )
                    #expect(try await names(few, "\(images)?prefix=a&limit=\(limit)") == ["a-1", "a-2"])
                    #expect(try await names(few, "\(images)?prefix=c&limit=\(limit)") == ["c"])
                    #expect(try await names(few, "\(images)?name~=*1&limit=\(limit)") == ["a-1"])
                }
                for prefix in ["b", "b-1", "d", "c-"] {
                    #expect(try await names(few, "\(images)?prefix=\(prefix)").isEmpty)
                }
            }
        }
    }

    @Test func whoeverMayOnlyCreateReadsNoMetadata() async throws {
        try await withIdentities { pool, identity in
            let path = "/v1/pools/\(pool)/images/vol"
            let all = identity("everything")
            #expect(try await all.put(path, #"{"size":"1MiB"}"#).status == 201)
            #expect(try await all.patch(path, #"{"metadata":{"k":"secret"}}"#).status == 200)
            let found = try await identity("creator").put(path, #"{"size":"1MiB"}"#)
            #expect(found.status == 200)
            #expect(!found.text.contains("secret"))
            #expect(try await all.put(path, #"{"size":"1MiB"}"#).text.contains("secret"))
        }
    }

    @Test func operationsOfOneIdentity() async throws {
        try await withIdentities(change: { $0.operationsPerIdentity = 1 }) { pool, identity in
            let (all, one) = (identity("everything"), identity("a"))
            for name in ["a-1", "a-2", "a-3", "b-1"] {
                let huge = #"{"size":"1TiB","features":["layering"]}"#
                #expect(try await all.put("/v1/pools/\(pool)/images/\(name)", huge).status == 201)
            }
            func sparsify(_ server: TestServer, _ name: String) async throws -> TestServer.Answer {
                try await server.post("/v1/pools/\(pool)/images/\(name)/sparsify", "")
            }
            let first = try await sparsify(one, "a-1")
            #expect(first.status == 202)
            let problem = try await sparsify(one, "a-2").problem
            #expect(problem.code == "overloaded")
            #expect(problem.detail == "\"a\" already has 1 unfinished operations in pool \"\(pool)\"")
            // Operations that free space are still begun.
            let purge = try await one.delete("/v1/pools/\(pool)/images/a-2?purge=true")
            #expect(purge.status == 202, "\(purge.text)")
            // A repeated request finds its operation, and other identities have limits of their own.
            let id = try first.decoded(as: RBDAPI.Operation.self).id
            #expect(try await sparsify(one, "a-1").decoded(as: RBDAPI.Operation.self).id == id)
            let other = try await sparsify(all, "b-1")
            #expect(other.status == 202)
            let purging = try purge.decoded(as: RBDAPI.Operation.self).id
            for operation in [id, purging, try other.decoded(as: RBDAPI.Operation.self).id] {
                #expect(try await all.delete("/v1/operations/\(operation)?wait=20s").status == 200)
            }
            let next = try await sparsify(one, "a-3").decoded(as: RBDAPI.Operation.self).id
            #expect(try await all.delete("/v1/operations/\(next)?wait=20s").status == 200)
        }
    }
}
