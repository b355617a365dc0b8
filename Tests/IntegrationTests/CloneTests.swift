// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

import Ceph
import Foundation
import RBDAPI
import RBDService
import TestSupport
import Testing

/// Clones over HTTP, compared with `rbd`.
@Suite(.tags(.cluster), .enabled(if: TestCluster.isAvailable), .timeLimit(.minutes(5)))
struct CloneTests {
    /// Runs the body with `golden@v1` of 64 MiB.
    private func withGolden(
        _ body: @escaping @Sendable (_ server: TestServer, _ images: String, _ pool: String) async throws -> Void
    ) async throws {
        try await TestServer.withCluster { server in
            try await TestCluster.withPool { pool, _ in
                let images = "/v1/pools/\(pool)/images"
                let properties = #"{"size":"64MiB","objectSize":"1MiB","features":["layering","exclusive-lock"]}"#
                #expect(try await server.put("\(images)/golden", properties).status == 201)
                #expect(try await server.post("\(images)/golden/snapshots", #"{"name":"v1"}"#).status == 201)
                try await body(server, images, pool)
            }
        }
    }

    private let source = #""source":{"image":"golden","snapshot":"v1"}"#

    @Test func aCloneIsAsItsSource() async throws {
        try await withGolden { server, images, pool in
            let plan = try await server.post("\(images)?dryRun=true", #"{"name":"vol-1",\#(source)}"#)
            #expect(plan.status == 200, "\(plan.text)")
            let step = try #require(try plan.decoded(as: Plan.self).steps.first)
            #expect(step.action == .cloneImage)
            #expect(step.detail == "from \(pool)/golden@v1")
            #expect(try await server.get("\(images)/vol-1").status == 404)

            let created = try await server.post(images, #"{"name":"vol-1",\#(source)}"#)
            #expect(created.status == 201, "\(created.text)")
            #expect(created.headers["location"] == "\(images)/vol-1")
            let clone: Image = try created.decoded()
            #expect(clone.sizeBytes == 64 << 20)
            #expect(clone.objectSizeBytes == 1 << 20)
            #expect(clone.features == ["layering", "exclusive-lock", "operations"])
            #expect(clone.parent?.spec == "\(pool)/golden@v1")
            // The clone has format 2: the snapshot was never protected.
            #expect(try await TestCluster.run("rbd", ["info", "\(pool)/vol-1"]).contains("parent: \(pool)/golden@v1"))
            let snapshot: Snapshot = try await server.get("\(images)/golden/snapshots/v1").decoded()
            #expect(!snapshot.protected)

            let taken = try await server.post(images, #"{"name":"vol-1",\#(source)}"#).problem
            #expect(taken.code == "image-exists")
            let options = #"{"name":"vol-2",\#(source),"size":67108864,"objectSize":"4MiB","features":["layering"]}"#
            let other: Image = try await server.post(images, options).decoded()
            #expect(other.objectSizeBytes == 4 << 20)
            #expect(other.features == ["layering", "operations"])
            #expect(other.stripeCount == 1)
            #expect(other.stripeUnitBytes == 4 << 20)

            let children: ImageChildren = try await server.get("\(images)/golden/children").decoded()
            #expect(children.items.map(\.spec) == ["\(pool)/vol-1", "\(pool)/vol-2"])
            #expect(children.items.map(\.imageID) == [clone.id, other.id])
            #expect(children.items.allSatisfy { $0.snapshot == "v1" && !$0.inTrash })
            let table = try await rbdctl(server, "image", "children", "\(pool)/golden", "-o", "name")
            #expect(table.standardOutput == "\(pool)/vol-1\n\(pool)/vol-2\n")
            let none = try await server.get("\(images)/golden/children?snapshot=v2").problem
            #expect(none.code == "snapshot-not-found")
            let empty: ImageChildren = try await server.get("\(images)/vol-1/children").decoded()
            #expect(empty.items.isEmpty)
        }
    }

    @Test func repeatingAPut() async throws {
        try await withGolden { server, images, pool in
            let put = "{\(source)}"
            #expect(try await server.put("\(images)/vol-1?dryRun=true", put).status == 200)
            #expect(try await server.put("\(images)/vol-1", put).status == 201)
            #expect(try await server.put("\(images)/vol-1", put).status == 200)
            let plan: Plan = try await server.put("\(images)/vol-1?dryRun=true", put).decoded()
            #expect(plan.steps.isEmpty)

            #expect(try await server.post("\(images)/golden/snapshots", #"{"name":"v2"}"#).status == 201)
            for dryRun in ["", "?dryRun=true"] {
                let other = #"{"source":{"image":"golden","snapshot":"v2"}}"#
                let differs = try await server.put("\(images)/vol-1\(dryRun)", other).problem
                #expect(differs.code == "image-differs")
                let difference = Problem.Difference(
                    field: "source",
                    requested: "\(pool)/golden@v2",
                    actual: "\(pool)/golden@v1"
                )
                #expect(differs.differences == [difference])
            }
            #expect(try await server.put("\(images)/plain", #"{"size":"64MiB"}"#).status == 201)
            let plain = try await server.put("\(images)/plain", put).problem
            #expect(plain.differences?.map(\.actual) == ["none"])

            // The source is in the trash, but the clone still matches the request.
            try await TestCluster.run("rbd", ["trash", "mv", "\(pool)/golden"])
            #expect(try await server.put("\(images)/vol-1", put).status == 200)
            #expect(try await server.put("\(images)/vol-1?dryRun=true", put).status == 200)
            #expect(try await server.put("\(images)/vol-2", put).problem.code == "source-not-found")
            // Another image takes the source's name, so the clone no longer matches.
            #expect(try await server.put("\(images)/golden", #"{"size":"64MiB"}"#).status == 201)
            #expect(try await server.post("\(images)/golden/snapshots", #"{"name":"v1"}"#).status == 201)
            #expect(try await server.put("\(images)/vol-1", put).problem.code == "image-differs")
        }
    }

    @Test func refusals() async throws {
        try await withGolden { server, images, pool in
            #expect(try await server.put("\(images)/flat", #"{"size":"1MiB","features":[]}"#).status == 201)
            #expect(try await server.post("\(images)/flat/snapshots", #"{"name":"s"}"#).status == 201)
            let cases: [(body: String, code: String, field: String)] = [
                (#""source":{"image":"golden"}"#, "invalid-source", "source"),
                (#""source":{"image":"golden","snapshot":""}"#, "invalid-source", "source"),
                (#""source":{"image":"golden","snapshot":"v2"}"#, "source-not-found", "source"),
                (#""source":{"image":"silver","snapshot":"v1"}"#, "source-not-found", "source"),
                (#""source":{"pool":"no-such-pool","image":"a","snapshot":"b"}"#, "source-not-found", "source"),
                (#""source":{"namespace":"nowhere","image":"a","snapshot":"b"}"#, "source-not-found", "source"),
                (#""source":{"image":"flat","snapshot":"s"}"#, "invalid-source", "source"),
                (#"\#(source),"size":"65MiB""#, "invalid-size", "size"),
                (#"\#(source),"features":["exclusive-lock"]"#, "invalid-features", "features"),
                (#"\#(source),"objectSize":"3MiB""#, "invalid-object-size", "objectSize"),
                (#"\#(source),"dataPool":"no-such-pool""#, "data-pool-not-found", "dataPool"),
            ]
            for (body, code, field) in cases {
                for dryRun in ["", "?dryRun=true"] {
                    let answer = try await server.put("\(images)/vol-1\(dryRun)", "{\(body)}")
                    #expect(answer.status == 422, "\(body): \(answer.text)")
                    let problem = try answer.problem
                    #expect(problem.code == code, "\(body)\(dryRun)")
                    #expect(problem.field == field, "\(body)\(dryRun)")
                }
            }
            let unknown = try await server.put("\(images)/vol-1", #"{"source":{"image":"a","snap":"b"}}"#).problem
            #expect(unknown.code == "unknown-field")
            #expect(unknown.field == "source.snap")
            let nowhere = try await server.put("\(images)/vol-1?namespace=nowhere", "{\(source)}").problem
            #expect(nowhere.code == "namespace-not-found")
            #expect(try await server.get("\(images)/vol-1").status == 404)
            #expect(
                try await TestCluster.run("rbd", ["ls", pool]).split(separator: "\n").sorted() == ["flat", "golden"]
            )
        }
    }

    @Test func acrossPoolsAndNamespaces() async throws {
        try await withGolden { server, images, pool in
            try await TestCluster.withPool { other, _ in
                try await TestCluster.run("rbd", ["namespace", "create", "\(other)/tenant"])
                let made = try await rbdctl(server, "image", "clone", "\(pool)/golden@v1", "\(other)/tenant/vol-1")
                #expect(made.standardOutput == "\(other)/tenant/vol-1\n", "\(made.standardError)")
                let again = try await rbdctl(
                    server,
                    "image",
                    "clone",
                    "\(pool)/golden@v1",
                    "\(other)/tenant/vol-1",
                    "--if-not-exists"
                )
                #expect(again.status == 0)
                let tenant = "/v1/pools/\(other)/images/vol-1"
                let body = #"{"name":"second"}"#
                #expect(try await server.post("\(tenant)/snapshots?namespace=tenant", body).status == 201)
                let grandchild = #"""
                    {"source":{"pool":"\#(other)","namespace":"tenant","image":"vol-1","snapshot":"second"}}
                    """#
                #expect(try await server.put("\(images)/vol-9", grandchild).status == 201)

                let ancestry: ImageAncestry = try await server.get("\(images)/vol-9/ancestors").decoded()
                #expect(ancestry.depth == 2)
                #expect(ancestry.items.map(\.spec) == ["\(other)/tenant/vol-1@second", "\(pool)/golden@v1"])
                let golden: ImageAncestry = try await server.get("\(images)/golden/ancestors").decoded()
                #expect(golden.depth == 0)
                let shown = try await rbdctl(server, "image", "ancestors", "\(pool)/vol-9", "-o", "name")
                #expect(shown.standardOutput == "\(other)/tenant/vol-1@second\n\(pool)/golden@v1\n")

                let trashed: ImageChildren = try await server.get("\(images)/golden/children").decoded()
                #expect(trashed.items.map(\.spec) == ["\(other)/tenant/vol-1"])
                try await TestCluster.run("rbd", ["trash", "mv", "\(other)/tenant/vol-1"])
                let children: ImageChildren = try await server.get("\(images)/golden/children?snapshot=v1").decoded()
                #expect(children.items.map(\.inTrash) == [true])
                #expect(children.items.map(\.image) == ["vol-1"])
                // The parent is in the trash, but is still an ancestor.
                #expect(try await server.get("\(images)/vol-9/ancestors").decoded(as: ImageAncestry.self).depth == 2)
            }
        }
    }

    @Test func aSnapshotWithClones() async throws {
        try await withGolden { server, images, pool in
            #expect(try await server.put("\(images)/vol-1", "{\(source)}").status == 201)
            let snapshot = "\(images)/golden/snapshots/v1"
            let refused = try await server.delete(snapshot).problem
            #expect(refused.code == "snapshot-has-clones")
            #expect(refused.blockers == [Problem.Blocker(.clone, name: "\(pool)/vol-1")])
            #expect(refused.hint?.contains("evenIfCloned=true") == true)
            let plan: Plan = try await server.delete("\(snapshot)?dryRun=true").decoded()
            #expect(!plan.allowed)
            #expect(plan.steps.map(\.action.rawValue) == ["flatten-clone", "delete-snapshot"])
            #expect(plan.blockers == refused.blockers)
            let allowed: Plan = try await server.delete("\(snapshot)?dryRun=true&evenIfCloned=true").decoded()
            #expect(allowed.allowed)
            #expect(allowed.steps.map(\.action.rawValue) == ["delete-snapshot"])
            #expect(try await server.get(snapshot).status == 200)

            let forced = try await rbdctl(server, "snapshot", "delete", "\(pool)/golden@v1", "--even-if-cloned")
            #expect(forced.status == 0, "\(forced.standardError)")
            let left: ImageSnapshots = try await server.get("\(images)/golden/snapshots").decoded()
            let trash = try #require(left.items.first)
            #expect(trash.kind == "trash")
            #expect(trash.origin == "v1")
            let managed = try await server.delete("\(images)/golden/snapshots/\(trash.name)").problem
            #expect(managed.code == "snapshot-managed")
            #expect(managed.detail.contains("v1"))
            let clones: ImageChildren = try await server.get("\(images)/golden/children").decoded()
            #expect(clones.items.map(\.spec) == ["\(pool)/vol-1"])
            // The snapshot is removed with its last clone.
            try await TestCluster.run("rbd", ["flatten", "--no-progress", "\(pool)/vol-1"])
            let after: ImageSnapshots = try await server.get("\(images)/golden/snapshots").decoded()
            #expect(after.items.isEmpty)
        }
    }

    @Test func clonesOfFormat1NeedTheProtection() async throws {
        try await withGolden { server, images, pool in
            let snapshot = "\(images)/golden/snapshots/v1"
            try await TestCluster.run("rbd", ["snap", "protect", "\(pool)/golden@v1"])
            let old = ["clone", "--rbd-default-clone-format", "1", "\(pool)/golden@v1", "\(pool)/old"]
            try await TestCluster.run("rbd", old)
            #expect(try await server.put("\(images)/new", "{\(source)}").status == 201)
            let children: ImageChildren = try await server.get("\(images)/golden/children").decoded()
            #expect(children.items.map(\.image) == ["new", "old"])
            let refused = try await server.delete(snapshot).problem
            #expect(refused.code == "snapshot-protected")
            #expect(refused.blockers?.map(\.name) == ["\(pool)/new", "\(pool)/old"])
            let unprotect = try await server.send(
                "PATCH",
                snapshot,
                body: #"{"protected":false}"#,
                headers: ["Content-Type": "application/json"]
            ).problem
            #expect(unprotect.code == "snapshot-has-clones")
            #expect(unprotect.blockers?.count == 2)
            let plan: Plan = try await server.delete("\(snapshot)?dryRun=true&evenIfCloned=true").decoded()
            #expect(!plan.allowed)
            let steps = ["flatten-clone", "flatten-clone", "unprotect-snapshot", "delete-snapshot"]
            #expect(plan.steps.map(\.action.rawValue) == steps)
        }
    }

    /// If a daemon is killed while it makes a clone, the clone may know its parent while the parent does not know the
    /// clone.
    @Test func anInterruptedCloneIsCompleted() async throws {
        try await TestServer.withCluster(change: { $0.remnantPatience = .seconds(1) }) { server in
            try await TestCluster.withPool { pool, _ in
                let images = "/v1/pools/\(pool)/images"
                #expect(try await server.put("\(images)/golden", #"{"size":"8MiB"}"#).status == 201)
                let snapshot: Snapshot = try await server.post("\(images)/golden/snapshots", #"{"name":"v1"}"#)
                    .decoded()
                let put = "{\(source)}"
                #expect(try await server.put("\(images)/vol-1", put).status == 201)
                let golden: Image = try await server.get("\(images)/golden").decoded()
                let number = String(snapshot.id, radix: 16)
                let key = "snap_children_" + String(repeating: "0", count: 16 - number.count) + number
                try await TestCluster.run("rados", ["-p", pool, "rmomapkey", "rbd_header.\(golden.id)", key])
                #expect(try await TestCluster.run("rbd", ["children", "\(pool)/golden@v1"]).isEmpty)

                let soon = try await server.put("\(images)/vol-1", put).problem
                #expect(soon.code == "image-incomplete")
                #expect(soon.retryable)
                while try await server.put("\(images)/vol-1", put).status != 200 {
                    try await Task.sleep(for: .milliseconds(200))
                }
                #expect(try await TestCluster.run("rbd", ["children", "\(pool)/golden@v1"]) == "\(pool)/vol-1\n")
                #expect(try await server.delete("\(images)/golden/snapshots/v1").problem.code == "snapshot-has-clones")
            }
        }
    }

    @Test func oneNameForManyClones() async throws {
        try await withGolden { server, images, _ in
            let statuses = try await withThrowingTaskGroup(of: Int.self) { group in
                for _ in 0..<8 {
                    group.addTask { try await server.put("\(images)/vol-1", "{\(source)}").status }
                }
                return try await group.reduce(into: []) { $0.append($1) }
            }
            #expect(statuses.sorted() == [200, 200, 200, 200, 200, 200, 200, 201])
        }
    }
}
