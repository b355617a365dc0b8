// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

import Foundation
import RBDAPI
import TestSupport
import Testing

@testable import Ceph

/// Groups, their images and their snapshots, compared with `rbd`.
@Suite(.tags(.cluster), .enabled(if: TestCluster.isAvailable), .timeLimit(.minutes(5)))
struct GroupTests {
    /// Runs the body with a pool that has images vol-1 and vol-2.
    private func withImages(
        _ body: @escaping @Sendable (_ server: TestServer, _ pool: String, _ groups: String) async throws -> Void
    ) async throws {
        try await TestServer.withCluster { server in
            try await TestCluster.withPool { pool, _ in
                for name in ["vol-1", "vol-2"] {
                    let made = try await server.put("/v1/pools/\(pool)/images/\(name)", #"{"size":"16MiB"}"#)
                    #expect(made.status == 201)
                }
                try await body(server, pool, "/v1/pools/\(pool)/groups")
            }
        }
    }

    private func rbd(_ arguments: String...) async throws -> String {
        try await TestCluster.run("rbd", arguments)
    }

    private func write(_ text: String, to image: String) async throws {
        let file = FileManager.default.temporaryDirectory.appendingPathComponent(TestCluster.uniqueName())
        try Data((text + String(repeating: " ", count: 4096 - text.utf8.count)).utf8).write(to: file)
        defer { try? FileManager.default.removeItem(at: file) }
        // Import into a new image, because `rbd import` can't write into an existing one.
        _ = try await TestCluster.run("rbd", ["import", "--no-progress", file.path, image])
    }

    /// `rbd` shows the ids since Ceph 19. In every release, the names of the objects contain them.
    @Test func groupsAndTheirSnapshotsAreToldByTheIDsOfCeph() async throws {
        try await withImages { server, pool, groups in
            let created: RBDAPI.Group = try await server.post(groups, #"{"name":"database"}"#).decoded()
            let id = try #require(created.id)
            let snapshot: RBDAPI.GroupSnapshot = try await server.post("\(groups)/database/snapshots", #"{"name":"s"}"#)
                .decoded()
            let keys = try await TestCluster.run("rados", ["-p", pool, "listomapkeys", "rbd_group_header.\(id)"])
            #expect(keys.contains("snapshot_\(snapshot.id)\n"), "\(keys)")
            let renamed: RBDAPI.Group = try await server.patch("\(groups)/database", #"{"name":"db"}"#).decoded()
            #expect(renamed.id == id)
            #expect(renamed.snapshots?.map(\.id) == [snapshot.id])
            let listed = try await server.get(groups).decoded(as: Page<RBDAPI.Group>.self)
            #expect(listed.items.map(\.id) == [nil])
        }
    }

    @Test func theLifeOfAGroup() async throws {
        try await withImages { server, pool, groups in
            let created = try await server.post(groups, #"{"name":"database"}"#)
            #expect(created.status == 201, "\(created.text)")
            #expect(created.headers["location"] == "\(groups)/database")
            #expect(try await rbd("group", "ls", pool) == "database\n")
            let again = try await server.post(groups, #"{"name":"database"}"#).problem
            #expect(again.code == "group-exists")
            #expect(again.hint != nil)
            #expect(try await server.post(groups, #"{"name":"a/b"}"#).problem.code == "invalid-name")
            _ = try await server.post(groups, #"{"name":"web"}"#)
            let listed = try await server.get("\(groups)?limit=1").decoded(as: Page<RBDAPI.Group>.self)
            #expect(listed.items.map(\.spec) == ["\(pool)/database"])
            let rest = try await server.get("\(groups)?cursor=\(listed.nextCursor ?? "")")
                .decoded(as: Page<RBDAPI.Group>.self)
            #expect(rest.items.map(\.name) == ["web"])
            #expect(rest.nextCursor == nil)

            let renamed = try await server.patch("\(groups)/database", #"{"name":"db"}"#)
            #expect(try renamed.decoded(as: RBDAPI.Group.self).spec == "\(pool)/db")
            #expect(try await server.patch("\(groups)/db", #"{"name":"web"}"#).problem.code == "group-exists")
            #expect(try await server.patch("\(groups)/db", #"{"name":"db"}"#).status == 200)
            let gone = try await server.get("\(groups)/database").problem
            #expect(gone.code == "group-not-found")
            #expect(gone.field == "group")
            #expect(gone.remedy?.action == .list && gone.remedy?.kind == .group)

            _ = try await server.put("\(groups)/db/images/vol-1", "")
            #expect(try await server.delete("\(groups)/db").status == 204)
            // librbd reports success when it removes a missing group.
            #expect(try await server.delete("\(groups)/db").problem.code == "group-not-found")
            #expect(try await server.get("/v1/pools/\(pool)/images/vol-1").status == 200)
            #expect(try await server.delete("/v1/pools/\(pool)/images/vol-1").status == 200)
        }
    }

    @Test func namespacesAreLookedFor() async throws {
        try await TestServer.withCluster { server in
            try await TestCluster.withPool { pool, _ in
                let groups = "/v1/pools/\(pool)/groups"
                for answer in [
                    try await server.get("\(groups)?namespace=none"),
                    try await server.post("\(groups)?namespace=none", #"{"name":"g"}"#),
                    try await server.get("\(groups)/g?namespace=none"),
                    try await server.get("\(groups)?namespace=\(String(repeating: "n", count: 3000))"),
                    try await server.get("\(groups)/g?namespace=\(String(repeating: "n", count: 3000))"),
                    try await server.put(
                        "\(groups)/g/images/vol-1?namespace=\(String(repeating: "n", count: 3000))",
                        ""
                    ),
                ] {
                    #expect(try answer.problem.code == "namespace-not-found")
                }
                #expect(try await server.get("/v1/pools/none-\(pool)/groups").problem.code == "pool-not-found")
                _ = try await rbd("namespace", "create", "\(pool)/team-a")
                _ = try await rbd("create", "--size", "1M", "\(pool)/team-a/vol-1")
                let made = try await server.post("\(groups)?namespace=team-a", #"{"name":"g"}"#)
                #expect(made.headers["location"] == "\(groups)/g?namespace=team-a")
                #expect(try await server.put("\(groups)/g/images/vol-1?namespace=team-a", "").status == 201)
                let group = try await server.get("\(groups)/g?namespace=team-a").decoded(as: RBDAPI.Group.self)
                #expect(group.images?.map(\.spec) == ["\(pool)/team-a/vol-1"])
                #expect(try await rbd("group", "image", "ls", "\(pool)/team-a/g").contains("\(pool)/team-a/vol-1"))
                let held = try await server.delete("/v1/pools/\(pool)/images/vol-1?namespace=team-a").problem
                #expect(held.code == "image-in-group")
                #expect(held.remedy?.value == "\(pool)/team-a/g" && held.remedy?.subject == "\(pool)/team-a/vol-1")
            }
        }
    }

    @Test func imagesComeAndGo() async throws {
        try await withImages { server, pool, groups in
            try await TestCluster.withPool { other, _ in
                _ = try await rbd("create", "--size", "1M", "\(other)/vol-1")
                for group in ["a", "b"] { _ = try await server.post(groups, #"{"name":"\#(group)"}"#) }
                let added = try await server.put("\(groups)/a/images/vol-1", "")
                #expect(added.status == 201, "\(added.text)")
                #expect(try await server.put("\(groups)/a/images/vol-1", "").status == 200)
                #expect(try await server.put("\(groups)/a/images/vol-1?imagePool=\(other)", "").status == 201)
                let images = try await server.get("\(groups)/a/images").decoded(as: Page<RBDAPI.GroupImage>.self)
                #expect(Set(images.items.map(\.spec)) == ["\(pool)/vol-1", "\(other)/vol-1"])
                #expect(images.items.allSatisfy { $0.state == "attached" })

                let taken = try await server.put("\(groups)/b/images/vol-1", "").problem
                #expect(taken.code == "image-in-group")
                #expect(taken.blockers == [Problem.Blocker(.group, name: "\(pool)/a")])
                #expect(taken.hint == "DELETE /v1/pools/\(pool)/groups/a/images/vol-1 removes the image from the group")
                let dry = try await server.put("\(groups)/b/images/vol-1?dryRun=true", "").problem
                #expect(dry.code == "image-in-group")
                let missing = try await server.put("\(groups)/a/images/vol-9", "").problem
                #expect(missing.code == "image-not-found")
                let nowhere = try await server.put("\(groups)/a/images/vol-9?imagePool=no-such-pool", "").problem
                #expect(nowhere.code == "pool-not-found")
                #expect(try await server.put("\(groups)/c/images/vol-1", "").problem.code == "group-not-found")

                // If librbd were called, it would leave the image half removed from this group.
                let stranger = try await server.delete("\(groups)/b/images/vol-1").problem
                #expect(stranger.code == "image-not-in-group")
                #expect(try await rbd("group", "image", "ls", "\(pool)/b") == "")
                // An image in the trash still belongs to its group, which breaks librbd's list. Since Ceph 20, `rbd`
                // does not move such images to the trash.
                if try await TestCluster.release().major < 20 { _ = try await rbd("trash", "mv", "\(pool)/vol-1") }
                let trashed = try await server.get("\(groups)/a").decoded(as: RBDAPI.Group.self)
                #expect(trashed.images?.map(\.name) == ["vol-1", "vol-1"])
                #expect(try await server.delete("\(groups)/a/images/vol-1").status == 204)
                #expect(try await server.delete("\(groups)/a/images/vol-1").problem.code == "image-not-in-group")
                #expect(try await server.delete("\(groups)/a/images/vol-1?imagePool=\(other)").status == 204)
                #expect(try await server.get("\(groups)/a").decoded(as: RBDAPI.Group.self).images == [])
            }
        }
    }

    @Test func snapshotsAndRollback() async throws {
        try await withImages { server, pool, groups in
            try await write("before", to: "\(pool)/vol-3")
            _ = try await server.post(groups, #"{"name":"g"}"#)
            for image in ["vol-1", "vol-3"] { _ = try await server.put("\(groups)/g/images/\(image)", "") }
            let snapshots = "\(groups)/g/snapshots"
            let made = try await server.post(snapshots, #"{"name":"daily"}"#)
            #expect(made.status == 201, "\(made.text)")
            #expect(made.headers["location"] == "\(snapshots)/daily")
            let snapshot = try made.decoded(as: RBDAPI.GroupSnapshot.self)
            #expect(snapshot.spec == "\(pool)/g@daily")
            #expect(snapshot.state == "complete")
            #expect(snapshot.images == ["\(pool)/vol-1", "\(pool)/vol-3"])
            #expect(try await rbd("group", "snap", "ls", "\(pool)/g").contains("daily"))
            #expect(try await server.post(snapshots, #"{"name":"daily"}"#).problem.code == "group-snapshot-exists")
            #expect(try await server.get("\(snapshots)/weekly").problem.code == "group-snapshot-not-found")
            let page = try await server.get(snapshots).decoded(as: Page<RBDAPI.GroupSnapshot>.self)
            #expect(page.items == [snapshot])

            let blocked = try await server.delete("\(groups)/g").problem
            #expect(blocked.code == "group-has-snapshots")
            #expect(blocked.detail.contains("1 snapshot"))
            #expect(blocked.blockers == [Problem.Blocker(.snapshot, name: "\(pool)/g@daily")])

            // The image leaves the group, but the snapshot still contains it.
            #expect(try await server.delete("\(groups)/g/images/vol-1").status == 204)
            _ = try await rbd("resize", "--no-progress", "--size", "32M", "\(pool)/vol-1")
            _ = try await rbd("bench", "--io-type", "write", "--io-size", "4096", "--io-total", "64K", "\(pool)/vol-3")
            #expect(try await rbd("export", "--no-progress", "\(pool)/vol-3", "-").hasPrefix("before") == false)

            #expect(
                try await server.send("POST", "\(snapshots)/daily/rollback").problem.code == "confirmation-required"
            )
            // The image may belong to another user by now.
            _ = try await server.put("\(groups)/g/images/vol-2", "")
            for query in ["confirm=daily", "dryRun=true"] {
                let changed = try await server.send("POST", "\(snapshots)/daily/rollback?\(query)").problem
                #expect(changed.code == "group-changed")
                #expect(changed.detail.hasSuffix("\"\(pool)/vol-2\" joined it; \"\(pool)/vol-1\" left it"))
            }
            #expect(try await server.delete("\(groups)/g/images/vol-2").status == 204)
            _ = try await server.put("\(groups)/g/images/vol-1", "")
            let client = try await TestCluster.openClient(of: "\(pool)/vol-1")
            let refused = try await server.send("POST", "\(snapshots)/daily/rollback?confirm=daily").problem
            #expect(refused.code == "image-in-use")
            #expect(refused.blockers?.map(\.name) == ["\(pool)/vol-1"])
            #expect(refused.blockers?.first?.kind == .watcher)
            #expect(refused.blockers?.first?.client?.hasPrefix("client.") == true)
            let planned = try await server.send("POST", "\(snapshots)/daily/rollback?dryRun=true").problem
            #expect(planned.code == "image-in-use")
            // A snapshot does not need the clients to close the image.
            #expect(try await server.post(snapshots, #"{"name":"open"}"#).status == 201)
            #expect(try await server.delete("\(snapshots)/open").status == 204)
            try client.endInput()
            _ = await client.finish()

            var answer: TestServer.Answer
            repeat {
                answer = try await server.send("POST", "\(snapshots)/daily/rollback?confirm=daily&wait=20s")
            } while answer.status == 409
            #expect(answer.status == 200, "\(answer.text)")
            let operation = try answer.decoded(as: RBDAPI.Operation.self)
            #expect(operation.kind == "rollback-group" && operation.state == .succeeded, "\(operation)")
            #expect(operation.group == "g" && operation.subject == "\(pool)/g" && operation.image.isEmpty)
            #expect(try await rbd("export", "--no-progress", "\(pool)/vol-3", "-").hasPrefix("before"))
            #expect(
                try await server.get("/v1/pools/\(pool)/images/vol-1").decoded(as: Image.self).sizeBytes == 16 << 20
            )

            #expect(try await server.delete("\(snapshots)/daily").status == 204)
            #expect(try await server.delete("\(snapshots)/daily").problem.code == "group-snapshot-not-found")
            #expect(try await server.delete("\(groups)/g").status == 204)
            #expect(try await rbd("snap", "ls", "--all", "\(pool)/vol-3") == "")
        }
    }

    /// With such a lock, librbd would wait forever.
    @Test func locksAreNotWaitedFor() async throws {
        try await withImages { server, pool, groups in
            _ = try await server.post(groups, #"{"name":"g"}"#)
            _ = try await server.put("\(groups)/g/images/vol-1", "")
            #expect(try await server.post("\(groups)/g/snapshots", #"{"name":"s"}"#).status == 201)
            _ = try await rbd("lock", "add", "\(pool)/vol-1", "backup")
            for answer in [
                try await server.post("\(groups)/g/snapshots", #"{"name":"t"}"#),
                try await server.delete("\(groups)/g/snapshots/s"),
                try await server.send("POST", "\(groups)/g/snapshots/s/rollback?confirm=s"),
            ] {
                let problem = try answer.problem
                #expect(problem.code == "image-in-use")
                #expect(problem.blockers?.first?.kind == .lock)
                #expect(problem.blockers?.first?.name == "\(pool)/vol-1: backup")
                #expect(problem.remedy?.kind == .lock && problem.remedy?.subject == "\(pool)/vol-1")
            }
        }
    }

    @Test func anIncompleteSnapshotIsNotRolledBackTo() async throws {
        try await withImages { server, pool, groups in
            _ = try await server.post(groups, #"{"name":"g"}"#)
            _ = try await server.put("\(groups)/g/images/vol-1", "")
            // The remains if the service is killed before the first image has its snapshot.
            let cluster = try await TestCluster.connect()
            try await cluster.pool(pool).withContext(.changeGroup, on: .pool(pool)) { context throws(CephError) in
                let read = CompoundRead(calling: "dir_get_id", input: WireWriter.string("g"))
                read.operate(on: "rbd_group_directory", in: context)
                let id = try read.text(.readImage, on: .pool(pool), orElse: "the group has no id")
                let write = CompoundWrite()
                let state: UInt8 = 0
                write.call(
                    "group_snap_set",
                    input: WireWriter.frame(
                        WireWriter.string("1234") + WireWriter.string("half") + WireWriter.integer(state)
                            + WireWriter.integer(UInt32(0))
                    )
                )
                try check(
                    write.operate(on: "rbd_group_header.\(id ?? "")", in: context),
                    .changeGroup,
                    on: .pool(pool)
                )
            }
            #expect(try await rbd("group", "snap", "ls", "\(pool)/g").contains("incomplete"))
            let half = "\(groups)/g/snapshots/half"
            #expect(try await server.get(half).decoded(as: RBDAPI.GroupSnapshot.self).state == "incomplete")
            let problem = try await server.send("POST", "\(half)/rollback?confirm=half").problem
            #expect(problem.code == "group-snapshot-incomplete")
            #expect(problem.remedy?.action == .delete && problem.remedy?.subject == "\(pool)/g@half")
            #expect(try await server.delete(half).status == 204)
        }
    }

    @Test func dryRunsChangeNothing() async throws {
        try await withImages { server, pool, groups in
            func plan(_ answer: TestServer.Answer) throws -> [String] {
                #expect(answer.status == 200, "\(answer.text)")
                return try answer.decoded(as: Plan.self).steps.map { "\($0.action) \($0.subject)" }
            }
            let created = try await server.post("\(groups)?dryRun=true", #"{"name":"g"}"#)
            #expect(try plan(created) == ["create-group \(pool)/g"])
            #expect(try await rbd("group", "ls", pool) == "")
            _ = try await server.post(groups, #"{"name":"g"}"#)
            #expect(try await server.post("\(groups)?dryRun=true", #"{"name":"g"}"#).problem.code == "group-exists")
            let group = "\(groups)/g"
            let renamed = try await server.patch("\(group)?dryRun=true", #"{"name":"h"}"#)
            #expect(try plan(renamed) == ["rename-group \(pool)/g"])
            let added = try await server.put("\(group)/images/vol-1?dryRun=true", "")
            #expect(try plan(added) == ["add-image-to-group \(pool)/vol-1"])
            #expect(try await rbd("group", "image", "ls", "\(pool)/g") == "")
            _ = try await server.put("\(group)/images/vol-1", "")
            let snapshot = try await server.post("\(group)/snapshots?dryRun=true", #"{"name":"s"}"#)
            #expect(try plan(snapshot) == ["create-snapshot \(pool)/vol-1", "create-group-snapshot \(pool)/g@s"])
            let empty = try await server.get("\(group)/snapshots").decoded(as: Page<RBDAPI.GroupSnapshot>.self)
            #expect(empty.items.isEmpty)
            _ = try await server.post("\(group)/snapshots", #"{"name":"s"}"#)
            let back = try await server.send("POST", "\(group)/snapshots/s/rollback?dryRun=true")
            #expect(try plan(back) == ["rollback-image \(pool)/vol-1"])
            let removed = try await server.delete("\(group)/images/vol-1?dryRun=true")
            #expect(try plan(removed) == ["remove-image-from-group \(pool)/vol-1"])
            let snapshotGone = try await server.delete("\(group)/snapshots/s?dryRun=true")
            #expect(try plan(snapshotGone) == ["delete-snapshot \(pool)/vol-1", "delete-group-snapshot \(pool)/g@s"])
            let deleted = try await server.delete("\(group)?dryRun=true")
            #expect(
                try plan(deleted) == [
                    "delete-group-snapshot \(pool)/g@s", "remove-image-from-group \(pool)/vol-1",
                    "delete-group \(pool)/g",
                ]
            )
            let refusal = try deleted.decoded(as: Plan.self)
            #expect(!refusal.allowed)
            #expect(refusal.blockers.map(\.name) == ["\(pool)/g@s"])
            let whole = try await server.get(group).decoded(as: RBDAPI.Group.self)
            #expect(whole.images?.map(\.name) == ["vol-1"])
            #expect(whole.snapshots?.map(\.name) == ["s"])
        }
    }

    @Test func byCommand() async throws {
        try await withImages { server, pool, _ in
            let group = "\(pool)/g"
            #expect(try await rbdctl(server, "group", "create", group).standardOutput == "\(group)\n")
            #expect(try await rbdctl(server, "group", "create", group).status == 3)
            let images = ["\(pool)/vol-1", "\(pool)/vol-2"]
            let added = try await rbdctl(server, "group", "image", "add", group, images[0], images[1])
            #expect(added.standardOutput == images.map { "\($0)\n" }.joined())
            let snapshot = try await rbdctl(server, "group", "snapshot", "create", "\(group)@s")
            #expect(snapshot.standardOutput == "\(group)@s\n", "\(snapshot.standardError)")
            let shown = try await rbdctl(server, "group", "get", group).standardOutput
            #expect(shown.contains("SNAPSHOT"))
            #expect(shown.contains("\(pool)/vol-2"))
            #expect(try await rbdctl(server, "group", "ls", pool, "-o", "name").standardOutput == "\(group)\n")
            let planned = try await rbdctl(server, "group", "delete", "--dry-run", group)
            #expect(planned.status == 3)
            #expect(planned.standardOutput.contains("delete-group-snapshot"))
            let refused = try await rbdctl(server, "group", "delete", group)
            #expect(refused.status == 3)
            #expect(refused.standardError.contains("snapshot \(group)@s"))
            #expect(refused.standardError.contains("hint: rbdctl group snapshot delete "))
            #expect(try await rbdctl(server, "group", "snapshot", "rollback", "\(group)@s").status == 64)
            let back = try await rbdctl(server, "group", "snapshot", "rollback", "\(group)@s", "--confirm", "s")
            #expect(back.standardOutput == "\(group)@s\n", "\(back.standardError)")
            let rows = try await rbdctl(server, "group", "snapshot", "list", group).standardOutput
            #expect(rows.contains("complete"))
            #expect(try await rbdctl(server, "group", "snapshot", "delete", "\(group)@s").status == 0)
            #expect(try await rbdctl(server, "group", "image", "remove", group, images[0]).status == 0)
            let left = try await rbdctl(server, "group", "image", "list", group, "-o", "name")
            #expect(left.standardOutput == "\(images[1])\n")
            #expect(try await rbdctl(server, "group", "rename", group, "h").standardOutput == "\(pool)/h\n")
            #expect(try await rbdctl(server, "group", "delete", "\(pool)/h").standardOutput == "\(pool)/h\n")
            #expect(try await rbdctl(server, "group", "get", "\(pool)/h").status == 2)
        }
    }
}
