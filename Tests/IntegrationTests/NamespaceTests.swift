// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

import Ceph
import Foundation
import RBDAPI
import TestSupport
import Testing

/// Namespaces over HTTP, compared with `rbd`.
@Suite(.tags(.cluster), .enabled(if: TestCluster.isAvailable), .timeLimit(.minutes(5)))
struct NamespaceTests {
    @Test func itIsShownHowANamespaceIsMirrored() async throws {
        try await TestServer.withCluster { server in
            try await TestCluster.withPool { pool, _ in
                let path = "/v1/pools/\(pool)/namespaces"
                let created: Namespace = try await server.post(path, #"{"name":"team"}"#).decoded()
                #expect(created.mirroring == Namespace.Mirroring(mode: "disabled", remoteNamespace: nil))
                try await TestCluster.run("rbd", ["mirror", "pool", "enable", pool, "image"])
                for mode in ["image", "pool"] {
                    try await TestCluster.run("rbd", ["mirror", "pool", "enable", "\(pool)/team", mode])
                    let shown = try await server.get("\(path)/team").decoded(as: Namespace.self)
                    #expect(shown.mirroring == Namespace.Mirroring(mode: mode, remoteNamespace: nil))
                }
                let listed = try await server.get(path).decoded(as: Page<Namespace>.self)
                #expect(listed.items.map(\.mirroring) == [nil])
                #expect(try await server.delete("\(path)/team").status == 204)
                let anew: Namespace = try await server.post(path, #"{"name":"team"}"#).decoded()
                #expect(anew.mirroring?.mode == "disabled")
            }
        }
    }

    @Test func theLifeOfANamespace() async throws {
        try await TestServer.withCluster { server in
            try await TestCluster.withPool { pool, _ in
                let path = "/v1/pools/\(pool)/namespaces"
                #expect(try await server.get(path).decoded(as: Page<Namespace>.self).items.isEmpty)
                let plan: Plan = try await server.post("\(path)?dryRun=true", #"{"name":"team-b"}"#).decoded()
                #expect(plan.steps.map(\.subject) == ["\(pool)/team-b"])
                for name in ["team-b", "team-a", "other"] {
                    let created = try await server.post(path, #"{"name":"\#(name)"}"#)
                    #expect(created.status == 201, "\(created.text)")
                    #expect(created.headers["location"] == "\(path)/\(name)")
                }
                #expect(try await TestCluster.run("rbd", ["namespace", "ls", pool]).contains("team-b"))
                for dryRun in ["", "?dryRun=true"] {
                    let again = try await server.post(path + dryRun, #"{"name":"team-a"}"#).problem
                    #expect(again.code == "namespace-exists")
                    #expect(again.status == 409)
                }
                #expect(try await server.post(path, #"{"name":"a/b"}"#).problem.code == "invalid-name")
                let first = try await server.get("\(path)?limit=1&prefix=team").decoded(as: Page<Namespace>.self)
                #expect(first.items.map(\.name) == ["team-a"])
                #expect(first.items.first?.contents == nil)
                let cursor = try #require(first.nextCursor)
                let second = try await server.get("\(path)?limit=1&prefix=team&cursor=\(cursor)")
                    .decoded(as: Page<Namespace>.self)
                #expect(second.items.map(\.name) == ["team-b"])
                #expect(second.nextCursor == nil)

                let none = Namespace.Contents(images: 0, trash: 0, groups: 0)
                #expect(try await server.get("\(path)/team-a").decoded(as: Namespace.self).contents == none)
                #expect(try await server.get("\(path)/nowhere").problem.code == "namespace-not-found")
                #expect(try await server.delete("\(path)/nowhere").problem.code == "namespace-not-found")
                #expect(try await server.delete("\(path)/nowhere?dryRun=true").problem.code == "namespace-not-found")
                #expect(try await server.get("/v1/pools/no-such-pool/namespaces").problem.code == "pool-not-found")
                #expect(try await server.delete("\(path)/team-a?dryRun=true").status == 200)
                #expect(try await server.delete("\(path)/team-a").status == 204)
                #expect(try await server.get("\(path)/team-a").status == 404)
            }
        }
    }

    @Test func whatItHoldsKeepsIt() async throws {
        try await TestServer.withCluster { server in
            try await TestCluster.withPool { pool, _ in
                let path = "/v1/pools/\(pool)/namespaces/tenant"
                let images = "/v1/pools/\(pool)/images"
                #expect(try await rbdctl(server, "namespace", "create", "\(pool)/tenant").status == 0)
                for name in ["a", "b", "c"] {
                    let put = try await server.put("\(images)/\(name)?namespace=tenant", #"{"size":"1MiB"}"#)
                    #expect(put.status == 201)
                }
                try await TestCluster.run("rbd", ["trash", "mv", "\(pool)/tenant/c"])
                try await TestCluster.run("rbd", ["group", "create", "\(pool)/tenant/g"])
                for dryRun in ["", "?dryRun=true"] {
                    let problem = try await server.delete(path + dryRun).problem
                    #expect(problem.code == "namespace-not-empty")
                    #expect(problem.status == 409)
                    #expect(problem.detail.hasSuffix("it holds 2 images, 1 image in the trash, 1 group"))
                }
                let held = Namespace.Contents(images: 2, trash: 1, groups: 1)
                #expect(try await server.get(path).decoded(as: Namespace.self).contents == held)
                for name in ["a", "b"] {
                    try await TestCluster.run("rbd", ["rm", "--no-progress", "\(pool)/tenant/\(name)"])
                }
                #expect(try await server.delete(path).problem.detail.hasSuffix("1 image in the trash, 1 group"))
                try await TestCluster.run("rbd", ["trash", "purge", "--no-progress", "\(pool)/tenant"])
                // Ceph itself would remove the namespace and lose the group.
                #expect(try await server.delete(path).problem.detail.hasSuffix("it holds 1 group"))
                let kept = try await rbdctl(server, "namespace", "delete", "\(pool)/tenant")
                #expect(kept.status == 3)
                #expect(try await TestCluster.run("rbd", ["group", "ls", "\(pool)/tenant"]).contains("g"))
                try await TestCluster.run("rbd", ["group", "rm", "\(pool)/tenant/g"])
                let shown = try await rbdctl(server, "namespace", "list", pool, "-o", "name")
                #expect(shown.standardOutput == "\(pool)/tenant\n")
                let gone = try await rbdctl(server, "namespace", "delete", "\(pool)/tenant")
                #expect(gone.standardOutput == "\(pool)/tenant\n", "\(gone.standardError)")
                #expect(try await TestCluster.run("rbd", ["namespace", "ls", pool]).isEmpty)
            }
        }
    }
}
