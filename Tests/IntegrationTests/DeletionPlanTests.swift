// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

import RBDAPI
import TestSupport
import Testing

/// The plan of a deletion is correct if the image is gone after all its steps, in their order.
@Suite(.tags(.cluster), .enabled(if: TestCluster.isAvailable), .timeLimit(.minutes(5)))
struct DeletionPlanTests {
    /// Runs the body with an image `golden` of 8 MiB.
    private func withImage(
        namespace: String = "",
        _ body: @escaping @Sendable (_ server: TestServer, _ path: String, _ place: String) async throws -> Void
    ) async throws {
        try await TestServer.withCluster { server in
            try await TestCluster.withPool { pool, _ in
                var (path, place) = ("/v1/pools/\(pool)/images/golden?", pool)
                if !namespace.isEmpty {
                    try await TestCluster.run("rbd", ["namespace", "create", "\(pool)/\(namespace)"])
                    path += "namespace=\(namespace)&"
                    place += "/\(namespace)"
                }
                #expect(try await server.put(path, #"{"size":"8MiB"}"#).status == 201)
                try await body(server, path, place)
            }
        }
    }

    /// Runs commands of `rbd`.
    private func rbd(_ commands: String...) async throws {
        for command in commands { try await TestCluster.run("rbd", command.split(separator: " ").map(String.init)) }
    }

    private func plan(_ server: TestServer, _ path: String) async throws -> Plan {
        let answer = try await server.delete("\(path)dryRun=true")
        #expect(answer.status == 200, "\(answer.text)")
        return try answer.decoded()
    }

    /// The command that executes a step. It needs nothing but what the step says.
    private func command(_ step: Plan.Step) throws -> [String] {
        // What comes after the name of the trash entry or of the group is a remark.
        func nameInDetail() throws -> String {
            let beginning = try #require(step.detail?.split(separator: ";").first)
            return String(try #require(beginning.split(separator: " ").last))
        }
        switch step.action {
        case .flattenClone: return ["image", "flatten", step.subject]
        case .unprotectSnapshot: return ["snapshot", "unprotect", step.subject]
        case .deleteSnapshot: return ["snapshot", "delete", step.subject]
        case .deleteGroupSnapshot: return ["group", "snapshot", "delete", step.subject]
        case .purgeImage: return ["trash", "purge", try nameInDetail(), "--force"]
        case .removeImageFromGroup: return ["group", "image", "remove", try nameInDetail(), step.subject]
        default: throw UnexpectedStep(step: step)
        }
    }

    private struct UnexpectedStep: Error {
        var step: Plan.Step
    }

    /// Executes the steps. The last step is the deletion. Before it, a deletion is refused.
    private func follow(_ plan: Plan, _ server: TestServer, _ path: String) async throws {
        #expect(!plan.allowed)
        for step in plan.steps.dropLast() {
            #expect(try await server.delete(path).status == 409, "before \(step)")
            // The words of a plan are for all clients.
            #expect(step.detail?.contains("rbdctl") != true)
            let told = try await rbdctl(server, try command(step))
            #expect(told.status == 0, "\(step): \(told.standardError)")
        }
        let answer = try await server.delete(path)
        #expect(answer.status == 200, "\(answer.text)")
    }

    @Test func aProtectedSnapshotWithClones() async throws {
        try await withImage { server, path, pool in
            try await rbd(
                "snap create \(pool)/golden@v1",
                "snap protect \(pool)/golden@v1",
                "clone --rbd-default-clone-format 1 \(pool)/golden@v1 \(pool)/old",
                "clone --rbd-default-clone-format 2 \(pool)/golden@v1 \(pool)/new"
            )
            let plan = try await plan(server, path)
            let actions = ["flatten-clone", "flatten-clone", "unprotect-snapshot", "delete-snapshot", "move-to-trash"]
            #expect(plan.steps.map(\.action.rawValue) == actions)
            #expect(plan.steps.prefix(2).map(\.subject) == ["\(pool)/new", "\(pool)/old"])
            #expect(plan.steps.dropLast().allSatisfy { $0.detail == nil })
            #expect(plan.blockers.map(\.kind) == [.snapshot, .clone, .clone])
            let refused = try await server.delete(path).problem
            #expect(refused.code == "image-has-snapshots")
            #expect(refused.blockers == plan.blockers)
            #expect(refused.remedy?.action == .explain && refused.remedy?.subject == "\(pool)/golden")
            let explained = try await rbdctl(server, "explain", "\(pool)/golden")
            #expect(explained.status == 3)
            for step in plan.steps {
                #expect(explained.standardOutput.contains(step.subject))
                #expect(explained.standardOutput.contains(step.detail ?? step.action.rawValue))
            }
            for step in plan.steps.dropLast() {
                #expect(explained.standardOutput.contains("rbdctl \(try command(step).joined(separator: " "))"))
            }
            try await follow(plan, server, path)
        }
    }

    @Test func unprotectedSnapshotsWithClones() async throws {
        try await withImage { server, path, pool in
            try await rbd(
                "snap create \(pool)/golden@v1",
                "snap create \(pool)/golden@v2",
                "snap create \(pool)/golden@v3",
                "clone --rbd-default-clone-format 2 \(pool)/golden@v1 \(pool)/kept",
                "clone --rbd-default-clone-format 2 \(pool)/golden@v1 \(pool)/thrown-away",
                "clone --rbd-default-clone-format 2 \(pool)/golden@v3 \(pool)/late",
                "trash mv --expires-at 2099-01-01 \(pool)/thrown-away"
            )
            // From here on, the snapshot is in the trash, and is removed with its clone.
            #expect(try await rbdctl(server, "snapshot", "delete", "--even-if-cloned", "\(pool)/golden@v3").status == 0)
            let plan = try await plan(server, path)
            #expect(
                plan.steps.map { "\($0.action) \($0.subject)" } == [
                    "flatten-clone \(pool)/kept", "purge-image \(pool)/thrown-away",
                    "delete-snapshot \(pool)/golden@v1",
                    "delete-snapshot \(pool)/golden@v2", "flatten-clone \(pool)/late", "move-to-trash \(pool)/golden",
                ]
            )
            try await follow(plan, server, path)
            let left = try await TestCluster.run("rbd", ["ls", pool]).split(separator: "\n").sorted()
            #expect(left == ["kept", "late"])
        }
    }

    /// Flattening such a clone detaches the clone from its parent, but not the clone's snapshots.
    @Test func clonesWithoutDeepFlatten() async throws {
        try await withImage { server, path, pool in
            try await rbd(
                "snap create \(pool)/golden@v1",
                "clone --rbd-default-clone-format 2 --image-feature layering \(pool)/golden@v1 \(pool)/shallow",
                "snap create \(pool)/shallow@daily",
                "clone --rbd-default-clone-format 2 \(pool)/golden@v1 \(pool)/deep",
                "snap create \(pool)/deep@daily"
            )
            let plan = try await plan(server, path)
            #expect(
                plan.steps.map { "\($0.action) \($0.subject)" } == [
                    "flatten-clone \(pool)/deep", "delete-snapshot \(pool)/shallow@daily",
                    "flatten-clone \(pool)/shallow", "delete-snapshot \(pool)/golden@v1",
                    "move-to-trash \(pool)/golden",
                ]
            )
            #expect(plan.steps[1].detail?.contains("no deep-flatten") == true)
            let snapshot = try await server.delete("/v1/pools/\(pool)/images/golden/snapshots/v1?dryRun=true")
            #expect(try snapshot.decoded(as: Plan.self).steps.map(\.action) == plan.steps.dropLast().map(\.action))
            try await follow(plan, server, path)
        }
    }

    @Test(arguments: ["", "tenant"])
    func snapshotsOfGroups(namespace: String) async throws {
        try await withImage(namespace: namespace) { server, path, place in
            let group = "\(place)/database"
            try await rbd(
                "group create \(group)",
                "group image add \(group) \(place)/golden",
                "group snap create \(group)@nightly",
                "snap create \(place)/golden@own"
            )
            let plan = try await plan(server, path)
            #expect(
                plan.steps.map { "\($0.action) \($0.subject)" } == [
                    "delete-group-snapshot \(group)@nightly", "delete-snapshot \(place)/golden@own",
                    "remove-image-from-group \(place)/golden", "move-to-trash \(place)/golden",
                ]
            )
            try await follow(plan, server, path)
        }
    }
}
