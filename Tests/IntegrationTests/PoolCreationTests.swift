// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

import Ceph
import Foundation
import RBDAPI
import TestSupport
import Testing

@testable import RBDService

/// A pool is created at once, and ready when its placement groups are active. That is an operation.
@Suite(.tags(.cluster), .enabled(if: TestCluster.isAvailable), .timeLimit(.minutes(5)))
struct PoolCreationTests {
    private static let options = #""pgNum":8,"size":1,"autoscale":"off""#

    private func operation(_ id: String, _ server: TestServer, wait: String = "0s") async throws -> RBDAPI.Operation {
        try await server.get("/v1/operations/\(id)?wait=\(wait)").decoded(as: RBDAPI.Operation.self)
    }

    @Test func anOperationMakesThePoolReady() async throws {
        try await TestServer.withCluster { server in
            try await TestServer.withCluster { other in
                let name = TestCluster.uniqueName()
                let answer = try await server.post("/v1/pools", #"{"name":"\#(name)",\#(Self.options)}"#)
                #expect(answer.status == 202, "\(answer.text)")
                let begun = try answer.decoded(as: RBDAPI.Operation.self)
                #expect(answer.headers["location"] == "/v1/operations/\(begun.id)")
                #expect(begun.kind == "create-pool")
                #expect(begun.pool == name && begun.subject == name)
                // Another replica, which has not seen the pool yet, shows the operation too.
                let ended = try await operation(begun.id, other, wait: "20s")
                #expect(ended.state == .succeeded, "\(ended)")
                #expect(ended.percent == 100)
                #expect(ended.expiresAt != nil)
                #expect(try await server.put("/v1/pools/\(name)/images/vol-1", #"{"size":"1MiB"}"#).status == 201)
                let page = try await other.get("/v1/operations?pool=\(name)").decoded(as: Page<RBDAPI.Operation>.self)
                #expect(page.items == [ended])
                #expect(try await other.delete("/v1/operations/\(begun.id)").problem.code == "operation-finished")
                #expect(try await server.delete("/v1/pools/\(name)?confirm=\(name)").status == 204)
                #expect(try await server.get("/v1/operations/\(begun.id)").problem.code == "operation-not-found")
            }
        }
    }

    /// The state as if the replica that got the request had died: the mark exists, but no replica works on it.
    @Test func placementGroupsAreWaitedFor() async throws {
        let cluster = try await TestCluster.connect()
        let name = TestCluster.uniqueName()
        // One OSD can't keep two copies, so with this minimum size, no placement group becomes active.
        try await TestCluster.run("ceph", ["osd", "pool", "create", name, "8", "8", "replicated", "--size", "2"])
        try await TestCluster.run("ceph", ["osd", "pool", "set", name, "min_size", "2"])
        defer { Task { try? await cluster.deletePool(named: name) } }
        try await TestServer.withCluster { server in
            let mark = PoolCreationMark(number: "0123456789abcdef", createdAt: Date())
            try await cluster.pool(name).setMark(PoolCreationMark.key, to: mark.text)
            let id = mark.operationID(inPool: try await cluster.pool(name).id())
            // This is longer than any replica takes to look.
            let end = ContinuousClock.now + .seconds(6)
            while .now < end {
                let now = try await operation(id, server)
                #expect(now.state == .running && now.percent < 100)
                try await Task.sleep(for: .milliseconds(500))
            }
            // An unreadable mark does not hold up the list.
            let page = try await server.get("/v1/operations?pool=\(name)").decoded(as: Page<RBDAPI.Operation>.self)
            #expect(page.items.map(\.id) == [id])
            let problem = try await server.delete("/v1/operations/\(id)").problem
            #expect(problem.code == "operation-not-cancellable")
            #expect(problem.hint == "delete the pool")

            try await TestCluster.run("ceph", ["osd", "pool", "set", name, "min_size", "1"])
            let ended = try await operation(id, server, wait: "25s")
            #expect(ended.state == .succeeded, "\(ended)")
            #expect(try await cluster.poolInfo(named: name).applications == ["rbd"])
            #expect(try await server.put("/v1/pools/\(name)/images/vol-1", #"{"size":"1MiB"}"#).status == 201)
        }
    }

    /// The end of the creation is recorded a second or two after the answer. Other operations do not wait for that.
    @Test func theFirstOperationInANewPoolIsFoundAtOnce() async throws {
        try await TestServer.withCluster { server in
            let name = TestCluster.uniqueName()
            let made = try await server.post("/v1/pools?wait=30s", #"{"name":"\#(name)",\#(Self.options)}"#)
            #expect(made.status == 201, "\(made.text)")
            #expect(try await server.put("/v1/pools/\(name)/images/vol-1", #"{"size":"1MiB"}"#).status == 201)
            let begun = try await server.delete("/v1/pools/\(name)/images/vol-1?purge=true")
            #expect(begun.status == 202, "\(begun.text)")
            let id = try begun.decoded(as: RBDAPI.Operation.self).id
            #expect(try await operation(id, server).kind == "purge-image")
            #expect(try await operation(id, server, wait: "20s").state == .succeeded)
            #expect(try await server.delete("/v1/pools/\(name)?confirm=\(name)").status == 204)
        }
    }

    @Test func rbdctlWaits() async throws {
        try await TestServer.withCluster { server in
            let name = TestCluster.uniqueName()
            let options = ["--pg-num", "8", "--size", "1", "--autoscale", "off"]
            let begun = try await rbdctl(server, ["pool", "create", name, "--no-wait"] + options)
            #expect(begun.status == 0, "\(begun.standardError)")
            let id = begun.standardOutput.trimmingCharacters(in: .newlines)
            #expect(try await operation(id, server, wait: "20s").state == .succeeded)
            #expect(try await rbdctl(server, ["pool", "delete", name, "--confirm", name]).status == 0)
            let waited = try await rbdctl(server, ["pool", "create", name] + options)
            #expect(waited.standardOutput == "\(name)\n")
            #expect(waited.standardError.contains("create-pool \(name): 100% succeeded"))
            #expect(try await rbdctl(server, ["pool", "delete", name, "--confirm", name]).status == 0)
        }
    }
}
