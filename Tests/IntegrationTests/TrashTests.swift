// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

import Ceph
import Foundation
import RBDAPI
import RBDService
import TestSupport
import Testing

/// Deleting and restoring images, and which entries are purged.
@Suite(.tags(.cluster), .enabled(if: TestCluster.isAvailable), .timeLimit(.minutes(5)))
struct TrashTests {
    private func withPool(
        lease: Duration = .seconds(15),
        _ body: @escaping @Sendable (_ server: TestServer, _ pool: String) async throws -> Void
    ) async throws {
        try await TestServer.withCluster(change: { $0.operationLease = lease }) { server in
            try await TestCluster.withPool { pool, _ in try await body(server, pool) }
        }
    }

    private let size = #"{"size":"1GiB"}"#

    private func entries(_ server: TestServer, _ pool: String) async throws -> [RBDAPI.TrashedImage] {
        try await server.get("/v1/pools/\(pool)/trash").decoded(as: Page<RBDAPI.TrashedImage>.self).items
    }

    @Test func aDeletedImageCanBeRestored() async throws {
        try await withPool { server, pool in
            let images = "/v1/pools/\(pool)/images"
            let made = try await server.put("\(images)/vol-1", size).decoded(as: RBDAPI.Image.self)
            let deleted = try await server.delete("\(images)/vol-1?delay=7d")
            #expect(deleted.status == 200)
            let entry = try deleted.decoded(as: RBDAPI.TrashedImage.self)
            #expect(entry.id == made.id)
            #expect(entry.name == "vol-1")
            #expect(entry.state == "trashed")
            #expect(entry.sizeBytes == 1 << 30)
            let kept = try Date(entry.keptUntil, strategy: .iso8601)
            #expect(abs(kept.timeIntervalSinceNow - 7 * 86_400) < 600)
            #expect(try await server.get("\(images)/vol-1").status == 404)
            #expect(try await TestCluster.run("rbd", ["trash", "ls", pool]).contains(made.id))
            #expect(try await entries(server, pool) == [entry])
            let one = try await server.get("/v1/pools/\(pool)/trash/\(entry.id)").decoded(as: RBDAPI.TrashedImage.self)
            #expect(one == entry)

            // The entry has not expired.
            let early = try await server.delete("/v1/pools/\(pool)/trash/\(entry.id)").problem
            #expect(early.code == "trash-deferred")
            #expect(early.hint?.contains("force=true") == true)

            let restore = "/v1/pools/\(pool)/trash/\(entry.id)/restore"
            let plan = try await server.post("\(restore)?dryRun=true", "{}").decoded(as: Plan.self)
            #expect(plan.steps.map(\.action.rawValue) == ["restore-image"])
            #expect(try await server.put("\(images)/vol-1", #"{"size":"2GiB"}"#).status == 201)
            for query in ["", "?dryRun=true"] {
                #expect(try await server.post(restore + query, "{}").problem.code == "image-exists")
            }
            #expect(try await server.post(restore, #"{"name":"a/b"}"#).problem.code == "invalid-name")
            let restored = try await server.post(restore, #"{"name":"vol-2"}"#)
            #expect(restored.status == 200)
            let image = try restored.decoded(as: RBDAPI.Image.self)
            #expect(image.id == made.id)
            #expect(image.name == "vol-2")
            #expect(try await entries(server, pool).isEmpty)
            for path in [restore, "/v1/pools/\(pool)/trash/\(entry.id)"] {
                let gone = try await path == restore ? server.post(path, "{}") : server.get(path)
                #expect(try gone.problem.code == "trash-entry-not-found")
            }
        }
    }

    @Test func purging() async throws {
        try await withPool { server, pool in
            let images = "/v1/pools/\(pool)/images"
            #expect(try await server.put("\(images)/vol-1", size).status == 201)
            #expect(try await server.delete("\(images)/vol-1?purge=true&delay=1h").problem.field == "delay")
            #expect(try await server.delete("\(images)/vol-1?purge=true&wait=60s").status == 204)
            #expect(try await entries(server, pool).isEmpty)

            #expect(try await server.put("\(images)/vol-1", size).status == 201)
            let begun = try await server.delete("\(images)/vol-1?purge=true")
            #expect(begun.status == 202)
            let operation = try begun.decoded(as: RBDAPI.Operation.self)
            #expect(begun.headers["location"] == "/v1/operations/\(operation.id)")
            let last = try await server.get("/v1/operations/\(operation.id)?wait=60s").decoded(
                as: RBDAPI.Operation.self
            )
            #expect(last.state == .succeeded)
            #expect(last.percent == 100)
            #expect(last.kind == "purge-image")
            // All objects are gone, except the records.
            let objects = try await TestCluster.run("rados", ["ls", "--pool", pool]).split(separator: "\n")
            #expect(objects.allSatisfy { !$0.hasPrefix("rbd_header") && !$0.hasPrefix("rbd_data") }, "\(objects)")
        }
    }

    @Test func oneThatIsKeptNeedsForce() async throws {
        try await withPool { server, pool in
            #expect(try await server.put("/v1/pools/\(pool)/images/vol-1", size).status == 201)
            let entry = try await server.delete("/v1/pools/\(pool)/images/vol-1").decoded(as: RBDAPI.TrashedImage.self)
            let path = "/v1/pools/\(pool)/trash/\(entry.id)"
            let plan = try await server.delete("\(path)?force=true&dryRun=true").decoded(as: Plan.self)
            #expect(plan.steps.map(\.action.rawValue) == ["purge-image"])
            #expect(try await server.get(path).status == 200)
            #expect(try await server.delete("\(path)?force=true&wait=60s").status == 204)
            #expect(try await server.get(path).status == 404)
        }
    }

    /// The purge worker removes the entries of this service when they have expired. The entries of other programs stay.
    @Test func whatHasExpiredIsPurgedAndNothingElse() async throws {
        try await withPool(lease: .seconds(3)) { server, pool in
            let images = "/v1/pools/\(pool)/images"
            for name in ["ours", "kept", "restored", "theirs"] {
                #expect(try await server.put("\(images)/\(name)", size).status == 201)
            }
            try await TestCluster.run("rbd", ["trash", "mv", "\(pool)/theirs"])
            #expect(try await server.delete("\(images)/kept?delay=1h").status == 200)
            let answer = try await server.delete("\(images)/restored?delay=10s")
            let entry = try answer.decoded(as: RBDAPI.TrashedImage.self)
            #expect(try await server.post("/v1/pools/\(pool)/trash/\(entry.id)/restore", "{}").status == 200)
            // Another program moves the image to the trash again.
            try await TestCluster.run("rbd", ["trash", "mv", "\(pool)/restored"])
            // When this entry has expired, the other one has expired too.
            #expect(try await server.delete("\(images)/ours?delay=10s").status == 200)
            let early = try await server.delete("/v1/pools/\(pool)/trash?expired=true&dryRun=true")
            #expect(try early.decoded(as: Plan.self).steps.isEmpty)
            while try await entries(server, pool).contains(where: { $0.name == "ours" }) {
                try await Task.sleep(for: .milliseconds(100))
            }
            // Everything that was due has been done at the next look.
            #expect(try await server.delete("/v1/pools/\(pool)/trash").problem.code == "confirmation-required")
            let asked = try await server.delete("/v1/pools/\(pool)/trash?expired=true")
            #expect(asked.status == 202)
            #expect(try asked.decoded(as: PurgeAnswer.self).operations.isEmpty)
            #expect(try await entries(server, pool).map(\.name).sorted() == ["kept", "restored", "theirs"])
            // A request with its id purges the entry.
            let theirs = try #require(try await entries(server, pool).first { $0.name == "theirs" })
            #expect(try await server.delete("/v1/pools/\(pool)/trash/\(theirs.id)?wait=60s").status == 204)
        }
    }

    /// Images that are read-only (EROFS) stay: the source of a migration is in the trash but still needed, and the copy
    /// of a mirrored image is only written by another cluster.
    @Test func whatCanOnlyBeReadIsLeftAlone() async throws {
        try await withPool { server, pool in
            let images = "/v1/pools/\(pool)/images"
            for name in ["source", "copy"] { #expect(try await server.put("\(images)/\(name)", size).status == 201) }
            try await TestCluster.run("rbd", ["migration", "prepare", "\(pool)/source", "\(pool)/target"])
            let entry = try #require(try await entries(server, pool).first { $0.name == "source" })
            #expect(entry.source == "migration")
            let purge = try await server.delete("/v1/pools/\(pool)/trash/\(entry.id)?force=true&wait=60s").problem
            #expect(purge.status == 409)
            #expect(purge.code == "image-migrating", "\(purge)")
            #expect(purge.hint?.contains("rbd migration commit") == true)
            for query in ["", "?dryRun=true"] {
                let restore = try await server.post("/v1/pools/\(pool)/trash/\(entry.id)/restore\(query)", "{}").problem
                #expect(restore.status == 409)
                #expect(restore.code == "image-migrating", "\(restore)")
            }
            try await TestCluster.run("rbd", ["migration", "abort", "--no-progress", "\(pool)/target"])

            try await TestCluster.run("rbd", ["mirror", "pool", "enable", pool, "image"])
            try await TestCluster.run("rbd", ["feature", "enable", "\(pool)/copy", "journaling"])
            try await TestCluster.mirrorByJournal("\(pool)/copy")
            try await TestCluster.run("rbd", ["mirror", "image", "demote", "\(pool)/copy"])
            let before = try await server.get("\(images)/copy")
            let resize = try await server.patch("\(images)/copy", #"{"size":"4TiB"}"#).problem
            #expect(resize.code == "image-read-only")
            #expect(resize.status == 409)
            #expect(resize.hint?.contains("rbd mirror image promote") == true)
            #expect(try await server.get("\(images)/copy").text == before.text)
            try await TestCluster.run("rbd", ["mirror", "image", "disable", "--force", "\(pool)/copy"])
        }
    }

    /// librbd moves an image to the trash even while clients use it, and would then keep the name of an image that is
    /// in use.
    @Test func aRunningClientKeepsItsImage() async throws {
        try await withPool { server, pool in
            let path = "/v1/pools/\(pool)/images/vol-1"
            #expect(try await server.put(path, size).status == 201)
            let client = try await TestCluster.openClient(of: "\(pool)/vol-1")
            for query in ["", "?purge=true", "?delay=0s"] {
                let problem = try await server.delete(path + query).problem
                #expect(problem.code == "image-in-use")
                #expect(problem.blockers?.map(\.kind) == [.watcher])
            }
            let plan = try await server.delete("\(path)?dryRun=true").decoded(as: Plan.self)
            #expect(!plan.allowed)
            #expect(plan.blockers.map(\.kind) == [.watcher])
            #expect(plan.steps.map(\.action.rawValue) == ["end-client", "move-to-trash"])
            let told = try await rbdctl(server, "explain", "\(pool)/vol-1")
            #expect(told.status == 3)
            #expect(told.standardOutput.contains("end-client"))
            #expect(try await server.get(path).status == 200)

            // Another program's move to the trash did not check this, but a purge still does.
            try await TestCluster.run("rbd", ["trash", "mv", "\(pool)/vol-1"])
            let entry = try #require(try await entries(server, pool).first)
            let problem = try await server.delete("/v1/pools/\(pool)/trash/\(entry.id)?force=true").problem
            #expect(problem.code == "image-in-use")
            try client.endInput()
            _ = await client.finish()
        }
    }

    @Test func byNameByRbdctl() async throws {
        try await withPool { server, pool in
            let image = "\(pool)/vol-1"
            func delete() async throws {
                #expect(try await server.put("/v1/pools/\(pool)/images/vol-1", size).status == 201)
                #expect(try await rbdctl(server, "image", "delete", image).status == 0)
            }
            try await delete()
            let first = try #require(try await entries(server, pool).first)
            let told = try await rbdctl(server, "explain", image)
            #expect(told.status == 2)
            #expect(told.standardOutput.isEmpty)
            #expect(told.standardError.contains("\(image) is in the trash"))
            #expect(told.standardError.contains("hint: rbdctl trash restore \(pool)/\(first.id)"))
            #expect(try await rbdctl(server, "explain", "\(pool)/vol-2").standardError.contains("trash") == false)
            let planned = try await rbdctl(server, "trash", "restore", image, "--dry-run")
            #expect(planned.standardOutput.contains("restore-image"), "\(planned.standardError)")
            #expect(try await rbdctl(server, "trash", "restore", image).standardOutput == "\(image)\n")
            let missing = try await rbdctl(server, "trash", "restore", image)
            #expect(missing.status == 2)
            #expect(missing.standardError.contains("hint: rbdctl trash list \(pool) "))

            #expect(try await rbdctl(server, "image", "delete", image).status == 0)
            try await delete()
            let several = try await rbdctl(server, "trash", "restore", image)
            #expect(several.status == 64)
            for entry in try await entries(server, pool) {
                #expect(several.standardError.contains("  \(pool)/\(entry.id) deleted at "))
            }
            #expect(try await entries(server, pool).count == 2)
            #expect(try await rbdctl(server, "explain", image).standardError.contains("2 times"))
            let one = try await rbdctl(server, "trash", "restore", "\(pool)/\(first.id)")
            #expect(one.standardOutput == "\(image)\n")
        }
    }

    @Test func byRbdctl() async throws {
        try await withPool { server, pool in
            for name in ["a", "b"] {
                #expect(try await server.put("/v1/pools/\(pool)/images/\(name)", size).status == 201)
            }
            #expect(try await rbdctl(server, "explain", "\(pool)/a").status == 0)
            let plan = try await rbdctl(server, "image", "delete", "\(pool)/a", "--dry-run")
            #expect(plan.standardOutput.contains("move-to-trash"))
            let deleted = try await rbdctl(server, "image", "delete", "\(pool)/a", "--delay", "1h")
            #expect(deleted.standardOutput == "\(pool)/a\n")
            let purged = try await rbdctl(server, "image", "delete", "\(pool)/b", "--purge")
            #expect(purged.status == 0, "\(purged.standardError)")
            #expect(purged.standardOutput == "\(pool)/b\n")
            #expect(purged.standardError.contains("purge-image \(pool)/b: 100% succeeded"))
            let listed = try await rbdctl(server, "trash", "list", pool, "-o", "name")
            let entry = listed.standardOutput.trimmingCharacters(in: .whitespacesAndNewlines)
            #expect(try await rbdctl(server, "trash", "get", entry).standardOutput.contains("user"))
            let refused = try await rbdctl(server, "trash", "purge", entry)
            #expect(refused.status == 3)
            #expect(refused.standardError.contains("hint: add --force"))
            let restored = try await rbdctl(server, "trash", "restore", entry, "--name", "c")
            #expect(restored.standardOutput == "\(pool)/c\n")
            let again = try await rbdctl(server, "image", "delete", "\(pool)/c", "--purge", "--no-wait")
            let id = again.standardOutput.trimmingCharacters(in: .whitespacesAndNewlines)
            #expect(try await rbdctl(server, "operation", "get", id, "--watch").standardOutput.contains("succeeded"))
            #expect(
                try await rbdctl(server, "operation", "list", "--pool", pool, "-o", "name").standardOutput.contains(id)
            )
            #expect(try await rbdctl(server, "operation", "cancel", id).status == 3)
            #expect(try await rbdctl(server, "trash", "purge-expired", pool).status == 0)
        }
    }
}
