// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

import Ceph
import Foundation
import RBDAPI
import RBDService
import TestSupport
import Testing

/// States that no single interrupted sequence leaves, made by hand. The service shows each as what it is, and destroys
/// nothing without a request to do so.
@Suite(.tags(.cluster), .enabled(if: TestCluster.isAvailable), .timeLimit(.minutes(3)))
struct HalfMadeStateTests {
    private static let patience = Duration.seconds(2)

    private func withServer(
        _ body: @escaping @Sendable (_ server: TestServer, _ pool: String, _ cluster: Cluster) async throws -> Void
    ) async throws {
        try await TestServer.withCluster(change: { $0.remnantPatience = Self.patience }) { server in
            try await TestCluster.withPool { pool, cluster in try await body(server, pool, cluster) }
        }
    }

    private func rados(_ pool: String, _ arguments: String...) async throws -> String {
        try await TestCluster.run("rados", ["--pool", pool] + arguments)
    }

    private func code(_ answer: TestServer.Answer) -> String {
        (try? answer.problem.code) ?? "\(answer.status)"
    }

    /// A clone outlives its parent's pool. A request that does not say so must not destroy the clone's own data.
    @Test func aCloneWhoseParentsPoolIsGone() async throws {
        try await withServer { server, pool, _ in
            let image = InterruptedImage(pool: pool, name: "clone")
            let id = try await TestCluster.withPool { parents, _ in
                try await TestCluster.run("rbd", ["create", "--size", "4M", "\(parents)/base"])
                try await TestCluster.run("rbd", ["snap", "create", "\(parents)/base@s"])
                try await TestCluster.run(
                    "rbd",
                    ["clone", "--rbd-default-clone-format", "2", "\(parents)/base@s", image.spec]
                )
                try await TestCluster.run(
                    "rbd",
                    ["bench", "--io-type", "write", "--io-size", "4K", "--io-total", "16K", image.spec]
                )
                return try await image.id()
            }
            #expect(try await rados(pool, "ls").contains("rbd_data.\(id)."))
            #expect(try await server.get(image.path).status == 200)
            #expect(try await server.put(image.path, #"{"size":"4MiB"}"#).status == 200)
            for (request, answer) in [
                ("flatten", try await server.post("\(image.path)/flatten?wait=20s", "{}")),
                ("PATCH", try await server.patch(image.path, #"{"size":"8MiB"}"#)),
                ("usage", try await server.get("\(image.path)?fields=usage")),
            ] {
                #expect(code(answer) == "parent-not-found", "\(request): \(answer.text)")
                #expect(answer.status == 409, "\(request)")
            }
            let plan = try await server.delete("\(image.path)?dryRun=true")
            #expect(try plan.decoded(as: Plan.self).allowed, "\(plan.text)")
            #expect(try await server.delete(image.path).status == 200)
            #expect(try await server.get("/v1/pools/\(pool)/trash/\(id)").status == 200)
            #expect(try await rados(pool, "ls").contains("rbd_data.\(id)."))
        }
    }

    /// The directory decides, and `rbd_id` of one image does not lead a request to the other.
    @Test func twoImagesWhoseNameObjectsAreExchanged() async throws {
        try await withServer { server, pool, _ in
            var ids: [String: String] = [:]
            let file = FileManager.default.temporaryDirectory.appendingPathComponent("\(UUID())").path
            defer { for name in ["a", "b"] { try? FileManager.default.removeItem(atPath: "\(file).\(name)") } }
            for name in ["a", "b"] {
                let path = "/v1/pools/\(pool)/images/\(name)"
                ids[name] = try await server.put(path, #"{"size":"4MiB"}"#).decoded(as: RBDAPI.Image.self).id
                _ = try await rados(pool, "get", "rbd_id.\(name)", "\(file).\(name)")
            }
            _ = try await rados(pool, "put", "rbd_id.a", "\(file).b")
            _ = try await rados(pool, "put", "rbd_id.b", "\(file).a")
            for name in ["a", "b"] {
                let path = "/v1/pools/\(pool)/images/\(name)"
                #expect(try await server.get(path).decoded(as: RBDAPI.Image.self).id == ids[name])
                #expect(try await server.put(path, #"{"size":"4MiB"}"#).status == 200)
            }
            #expect(try await server.delete("/v1/pools/\(pool)/images/a").status == 200)
            #expect(try await server.get("/v1/pools/\(pool)/trash/\(try #require(ids["a"]))").status == 200)
            let other = try await server.get("/v1/pools/\(pool)/images/b").decoded(as: RBDAPI.Image.self)
            #expect(other.id == ids["b"])
        }
    }

    @Test func aNameObjectThatIsMissingIsMade() async throws {
        try await withServer { server, pool, _ in
            let image = InterruptedImage(pool: pool, name: "v")
            let id = try await image.make()
            _ = try await rados(pool, "rm", "rbd_id.v")
            #expect(try await server.get(image.path).decoded(as: RBDAPI.Image.self).id == id)
            #expect(try await server.put(image.path, #"{"size":"5MiB"}"#).status == 200)
            #expect(try await image.id() == id)
        }
    }

    /// An image that has lost its header still has its data, and does not count as the remains of a create.
    @Test func anImageThatHasLostItsHeaderIsKept() async throws {
        try await withServer { server, pool, _ in
            let image = InterruptedImage(pool: pool, name: "v")
            let id = try await image.make()
            _ = try await rados(pool, "rm", "rbd_header.\(id)")
            let end = ContinuousClock.now + .seconds(60)
            for request in ["PUT", "DELETE"] {
                var answer: TestServer.Answer
                repeat {
                    answer =
                        request == "PUT"
                        ? try await server.put(image.path, #"{"size":"5MiB"}"#) : try await server.delete(image.path)
                    if code(answer) != "image-incomplete" { break }
                    try await Task.sleep(for: .milliseconds(200))
                } while .now < end
                #expect(code(answer) == "image-unreadable", "\(request): \(answer.text)")
            }
            let dry = try await server.delete("\(image.path)?dryRun=true")
            #expect(code(dry) == "image-unreadable", "\(dry.text)")
            let objects = try await rados(pool, "ls")
            #expect(objects.contains("rbd_data.\(id)."))
            #expect(objects.contains("rbd_id.v"))
        }
    }

    /// The list shows the entry with the reason, and expired entries are still purged.
    @Test func anUnreadableHeaderInTheTrash() async throws {
        try await withServer { server, pool, _ in
            let trash = "/v1/pools/\(pool)/trash"
            var ids: [String] = []
            for (name, delay) in [("broken", "24h"), ("kept", "24h"), ("expired", "1s")] {
                let path = "/v1/pools/\(pool)/images/\(name)"
                ids.append(try await server.put(path, #"{"size":"4MiB"}"#).decoded(as: RBDAPI.Image.self).id)
                #expect(try await server.delete("\(path)?delay=\(delay)").status == 200)
                if name == "broken" {
                    try await TestCluster.setValue(Data([1, 2]), of: "size", in: "rbd_header.\(ids[0])", pool: pool)
                }
            }
            let listed = try await server.get(trash)
            #expect(listed.status == 200, "\(listed.text)")
            let rows = try listed.decoded(as: Page<RBDAPI.TrashedImage>.self).items.map(\.id)
            #expect(Set(ids.prefix(2)).isSubset(of: rows))
            let end = ContinuousClock.now + .seconds(60)
            while try await server.get("\(trash)/\(ids[2])").status == 200, .now < end {
                try await Task.sleep(for: .milliseconds(200))
            }
            #expect(try await server.get("\(trash)/\(ids[2])").status == 404)
            for id in ids.prefix(2) { #expect(try await server.get("\(trash)/\(id)").status == 200) }
        }
    }
}
