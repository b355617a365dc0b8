// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

import RBDAPI
import TestSupport
import Testing

/// The changes that other programs make to images: mirroring, migration and encryption.
@Suite(.tags(.cluster), .enabled(if: TestCluster.isAvailable), .timeLimit(.minutes(5)))
struct ImageDetailsTests {
    private func withImages(
        _ body: @escaping @Sendable (_ server: TestServer, _ images: String, _ pool: String) async throws -> Void
    ) async throws {
        try await TestServer.withCluster { server in
            try await TestCluster.withPool { pool, _ in try await body(server, "/v1/pools/\(pool)/images", pool) }
        }
    }

    private func rbd(_ line: String) async throws {
        try await TestCluster.run("rbd", line.split(separator: " ").map(String.init))
    }

    private func image(_ server: TestServer, _ path: String, _ fields: String) async throws -> RBDAPI.Image {
        try await server.get("\(path)?fields=\(fields)").decoded(as: RBDAPI.Image.self)
    }

    @Test func mirroring() async throws {
        try await withImages { server, images, pool in
            try await rbd("mirror pool enable \(pool) image")
            for name in ["snapshot", "journal", "none"] { try await rbd("create --size 8M \(pool)/\(name)") }
            try await rbd("mirror image enable \(pool)/snapshot snapshot")
            try await rbd("feature enable \(pool)/journal journaling")
            try await rbd("mirror image enable \(pool)/journal journal")
            for mode in ["snapshot", "journal"] {
                let shown = try await image(server, "\(images)/\(mode)", "mirroring").mirroring
                #expect(shown?.mode == mode)
                #expect(shown?.state == "enabled")
                #expect(shown?.primary == true)
                #expect(shown?.globalID.isEmpty == false)
                let tag = try await server.get("\(images)/\(mode)").headers["etag"]
                #expect(try await server.get("\(images)/\(mode)?fields=mirroring").headers["etag"] == tag)
            }
            #expect(try await image(server, "\(images)/none", "mirroring").mirroring == nil)
            #expect(try await image(server, "\(images)/snapshot", "usage").mirroring == nil)
            try await rbd("mirror image demote \(pool)/snapshot")
            #expect(try await image(server, "\(images)/snapshot", "mirroring").mirroring?.primary == false)
            let table = try await Subprocess.run(
                Subprocess.built("rbdctl"),
                ["--server", server.url, "image", "list", pool, "--with", "mirroring,encryption"]
            )
            #expect(table.standardOutput.contains("snapshot, not primary"), "\(table)")
            #expect(!table.standardOutput.contains("ENCRYPTION"))
        }
    }

    /// The plan says what deleting a mirrored image does to its mirroring.
    @Test func mirroredImagesAreDeletedWithAWord() async throws {
        try await withImages { server, images, pool in
            try await rbd("mirror pool enable \(pool) image")
            for name in ["snapshot", "journal"] { try await rbd("create --size 8M \(pool)/\(name)") }
            try await rbd("mirror image enable \(pool)/snapshot snapshot")
            try await rbd("feature enable \(pool)/journal journaling")
            try await rbd("mirror image enable \(pool)/journal journal")
            func plan(_ name: String) async throws -> Plan {
                try await server.delete("\(images)/\(name)?dryRun=true").decoded(as: Plan.self)
            }
            let allowed = try await plan("journal")
            #expect(allowed.allowed)
            #expect(allowed.steps.map(\.action.rawValue) == ["end-mirroring", "move-to-trash"])
            #expect(try await server.delete("\(images)/journal").status == 200)
            let id = try await server.get("/v1/pools/\(pool)/trash").decoded(as: Page<RBDAPI.TrashedImage>.self).items[
                0
            ].id
            let restored = try await server.post("/v1/pools/\(pool)/trash/\(id)/restore", "{}")
            #expect(restored.status == 200, "\(restored.text)")
            #expect(try await image(server, "\(images)/journal", "mirroring").mirroring == nil)

            // Mirroring by snapshots has snapshots of its own, which are removed with it.
            let refused = try await plan("snapshot")
            #expect(!refused.allowed)
            #expect(refused.steps.map(\.action.rawValue) == ["end-mirroring", "move-to-trash"], "\(refused)")
            #expect(try await server.delete("\(images)/snapshot").problem.code == "image-has-snapshots")
            try await rbd("mirror image disable \(pool)/snapshot")
            #expect(try await server.delete("\(images)/snapshot").status == 200)
        }
    }

    /// librbd refuses this with an error that does not say why.
    @Test func theCopyOfAMirroredImageIsNotDeleted() async throws {
        try await withImages { server, images, pool in
            try await rbd("mirror pool enable \(pool) image")
            try await rbd("create --size 8M --image-feature layering,exclusive-lock,journaling \(pool)/copy")
            try await TestCluster.mirrorByJournal("\(pool)/copy")
            try await rbd("mirror image demote \(pool)/copy")
            for query in ["?dryRun=true", "", "?purge=true"] {
                let problem = try await server.delete("\(images)/copy\(query)").problem
                #expect(problem.code == "image-read-only", "\(problem)")
                #expect(problem.hint?.contains("rbd mirror image promote") == true)
            }
        }
    }

    @Test func aPoolIsNotDeletedWithoutAWordAboutImagesThatMigrateFromIt() async throws {
        try await withImages { server, images, pool in
            try await TestCluster.withPool { other, _ in
                try await rbd("create --size 8M \(pool)/old")
                try await rbd("migration prepare \(pool)/old \(other)/new")
                let plan = try await server.delete("/v1/pools/\(pool)?dryRun=true").decoded(as: Plan.self)
                let step = plan.steps.first { $0.action.rawValue == "break-migration" }
                #expect(step?.subject == "\(other)/new", "\(plan)")
                #expect(step?.detail?.contains("\(pool)/old") == true)
                try await rbd("migration abort --no-progress \(other)/new")
            }
        }
    }

    @Test func migration() async throws {
        try await withImages { server, images, pool in
            try await rbd("create --size 8M \(pool)/old")
            let id = try await image(server, "\(images)/old", "migration").id
            try await rbd("migration prepare \(pool)/old \(pool)/new")
            let prepared = try await image(server, "\(images)/new", "migration").migration
            #expect(
                prepared == RBDAPI.ImageMigration(source: "\(pool)/old", sourceID: id, state: "prepared", detail: "")
            )
            try await rbd("migration execute --no-progress \(pool)/new")
            let executed = try await server.get("\(images)?fields=migration").decoded(as: Page<RBDAPI.Image>.self).items
            #expect(executed.map(\.migration?.state) == ["executed"])
            try await rbd("migration commit --no-progress \(pool)/new")
            #expect(try await image(server, "\(images)/new", "migration").migration == nil)
        }
    }

    @Test(arguments: ["luks1", "luks2"])
    func encryption(format: String) async throws {
        try await withImages { server, images, pool in
            let passphrase = try TemporaryFolder()
            try passphrase.replace("passphrase", "secret")
            try await rbd("create --size 32M \(pool)/image")
            #expect(try await image(server, "\(images)/image", "encryption").encryption == nil)
            try await rbd("encryption format \(pool)/image \(format) \(passphrase.path("passphrase"))")
            #expect(try await image(server, "\(images)/image", "encryption").encryption == format)
            // A clone without a key of its own uses its parent's.
            try await rbd("snap create \(pool)/image@s")
            try await rbd("clone --rbd-default-clone-format 2 \(pool)/image@s \(pool)/clone")
            #expect(try await image(server, "\(images)/clone", "encryption").encryption == format)
        }
    }
}
