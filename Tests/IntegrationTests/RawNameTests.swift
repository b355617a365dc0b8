// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

import Ceph
import Foundation
import RBDAPI
import TestSupport
import Testing

/// Names that are not UTF-8. No path and no JSON can contain them, so their images are requested by id.
@Suite(.tags(.cluster), .enabled(if: TestCluster.isAvailable), .timeLimit(.minutes(5)))
struct RawNameTests {
    private func withRawName(
        _ body: @escaping @Sendable (_ server: TestServer, _ pool: String, _ id: String) async throws -> Void
    ) async throws {
        try await TestServer.withCluster { server in
            try await TestCluster.withPool { pool, _ in
                let script = "rbd create --no-progress --size 1M \(pool)/\"$(printf 'caf\\351')\""
                let made = try await Subprocess.run("/bin/sh", ["-c", script])
                try #require(made.status == 0, "\(made.standardError)")
                let page = try await server.get("/v1/pools/\(pool)/images").decoded(as: Page<RBDAPI.Image>.self)
                let image = try #require(page.items.first)
                #expect(image.name == "caf\u{FFFD}")
                #expect(image.sizeBytes == 1 << 20)
                try await body(server, pool, image.id)
            }
        }
    }

    @Test func anImageIsShownRenamedAndUsed() async throws {
        try await withRawName { server, pool, id in
            let path = "/v1/pools/\(pool)/image-ids/\(id)"
            #expect(try await server.get(path).decoded(as: RBDAPI.Image.self).id == id)
            let dry = try await server.patch("\(path)?dryRun=true", #"{"name":"cafe"}"#)
            #expect(try dry.decoded(as: Plan.self).steps.map(\.action.rawValue) == ["rename-image"])
            #expect(try await server.patch(path, #"{"name":"café"}"#).problem.code == "invalid-name")
            let renamed = try await server.patch(path, #"{"name":"cafe"}"#)
            #expect(renamed.status == 200, "\(renamed.text)")
            let image = try await server.get("/v1/pools/\(pool)/images/cafe").decoded(as: RBDAPI.Image.self)
            #expect(image.id == id)
            // Ceph's own tools find the new name, too, and nothing is left of the old one.
            #expect(try await TestCluster.run("rbd", ["ls", pool]) == "cafe\n")
            #expect(
                try await TestCluster.run("rados", ["-p", pool, "ls"]).split(separator: "\n").count {
                    $0.hasPrefix("rbd_id.")
                } == 1
            )
            // The repeated request changes nothing.
            #expect(try await server.patch(path, #"{"name":"cafe"}"#).status == 200)
        }
    }

    @Test func anImageGoesToTheTrashAndComesBack() async throws {
        try await withRawName { server, pool, id in
            let path = "/v1/pools/\(pool)/image-ids/\(id)"
            let dry = try await server.delete("\(path)?dryRun=true").decoded(as: Plan.self)
            #expect(dry.allowed)
            #expect(dry.steps.map(\.action.rawValue) == ["move-to-trash"])
            #expect(try await server.delete(path).status == 200)
            #expect(try await server.get(path).problem.code == "image-not-found")
            #expect(try await server.delete(path).problem.code == "image-not-found")
            let restored = try await server.post("/v1/pools/\(pool)/trash/\(id)/restore", "{}")
            #expect(restored.status == 200, "\(restored.text)")
            #expect(try await server.get(path).status == 200)
            #expect(try await server.delete("\(path)?purge=true&wait=30s").status == 204)
            #expect(try await TestCluster.run("rados", ["-p", pool, "ls"]).contains(id) == false)
        }
    }

    @Test func peopleUseTheID() async throws {
        try await withRawName { server, pool, id in
            func rbdctl(_ arguments: String...) async throws -> Subprocess {
                try await Subprocess.run(
                    Subprocess.built("rbdctl"),
                    ["--server", server.url] + arguments
                )
            }
            let shown = try await rbdctl("image", "get", "--by-id", "\(pool)/\(id)", "-o", "json")
            #expect(shown.standardOutput.contains(#""id": "\#(id)""#), "\(shown.standardError)")
            let renamed = try await rbdctl("image", "rename", "--by-id", "\(pool)/\(id)", "cafe")
            #expect(renamed.status == 0, "\(renamed.standardError)")
            let deleted = try await rbdctl("image", "delete", "--by-id", "\(pool)/\(id)")
            #expect(deleted.status == 0, "\(deleted.standardError)")
            let again = try await rbdctl("image", "delete", "--by-id", "\(pool)/\(id)")
            #expect(again.status == 2)
        }
    }
}
