// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

import Ceph
import Foundation
import RBDAPI
import TestSupport
import Testing

/// Snapshots over HTTP, compared with `rbd`.
@Suite(.tags(.cluster), .enabled(if: TestCluster.isAvailable), .timeLimit(.minutes(5)))
struct SnapshotTests {
    private func withImage(
        _ properties: String = #"{"size":"16MiB"}"#,
        _ body: @escaping @Sendable (_ server: TestServer, _ path: String, _ spec: String) async throws -> Void
    ) async throws {
        try await TestServer.withCluster { server in
            try await TestCluster.withPool { pool, _ in
                let path = "/v1/pools/\(pool)/images/vol-1"
                let created = try await server.put(path, properties)
                #expect(created.status == 201, "\(created.text)")
                try await body(server, path, "\(pool)/vol-1")
            }
        }
    }

    private func names(_ server: TestServer, _ path: String) async throws -> [String] {
        try await server.get("\(path)/snapshots").decoded(as: ImageSnapshots.self).items.map(\.name)
    }

    @Test func theLifeOfASnapshot() async throws {
        try await withImage { server, path, spec in
            let plan = try await server.post("\(path)/snapshots?dryRun=true", #"{"name":"daily"}"#)
            #expect(plan.status == 200)
            #expect(try plan.decoded(as: Plan.self).steps.map(\.subject) == ["\(spec)@daily"])
            #expect(try await names(server, path).isEmpty)

            let created = try await server.post("\(path)/snapshots", #"{"name":"daily"}"#)
            #expect(created.status == 201, "\(created.text)")
            #expect(created.headers["location"] == "\(path)/snapshots/daily")
            let snapshot: Snapshot = try created.decoded()
            #expect(snapshot.spec == "\(spec)@daily")
            #expect(snapshot.kind == "user")
            #expect(snapshot.sizeBytes == 16 << 20)
            #expect(snapshot.createdAt?.hasSuffix("Z") == true)
            #expect(!snapshot.protected)
            #expect(created.text.contains(#""usage":null"#))
            #expect(try await TestCluster.run("rbd", ["snap", "ls", spec]).contains(" daily "))
            #expect(try await server.get("\(path)/snapshots/daily").decoded(as: Snapshot.self) == snapshot)

            for dryRun in ["", "?dryRun=true"] {
                let again = try await server.post("\(path)/snapshots\(dryRun)", #"{"name":"daily"}"#).problem
                #expect(again.code == "snapshot-exists")
                #expect(again.status == 409)
            }
            #expect(try await server.post("\(path)/snapshots", #"{"name":"a@b"}"#).problem.code == "invalid-name")
            #expect(try await server.post("\(path)/snapshots", #"{"name":""}"#).problem.code == "invalid-name")
            let missing = path.replacingOccurrences(of: "vol-1", with: "vol-2")
            #expect(try await server.post("\(missing)/snapshots", #"{"name":"a"}"#).problem.code == "image-not-found")
            #expect(try await server.get("\(missing)/snapshots").problem.code == "image-not-found")
            #expect(try await server.get("\(path)/snapshots?namespace=x").problem.code == "namespace-not-found")

            let change = #"{"name":"weekly","protected":true}"#
            let changes = try await server.send(
                "PATCH",
                "\(path)/snapshots/daily?dryRun=true",
                body: change,
                headers: ["Content-Type": "application/json"]
            ).decoded(as: Plan.self)
            #expect(changes.steps.map(\.action.rawValue) == ["protect-snapshot", "rename-snapshot"])
            let changed = try await patch(server, "\(path)/snapshots/daily", change)
            #expect(changed.status == 200, "\(changed.text)")
            let renamed: Snapshot = try changed.decoded()
            #expect(renamed.name == "weekly")
            #expect(renamed.protected)
            #expect(renamed.id == snapshot.id)
            #expect(try await names(server, path) == ["weekly"])
            // A repeated request succeeds, too.
            #expect(try await patch(server, "\(path)/snapshots/weekly", change).status == 200)
            #expect(try await patch(server, "\(path)/snapshots/weekly", "{}").status == 200)
            #expect(try await patch(server, "\(path)/snapshots/daily", "{}").problem.code == "snapshot-not-found")

            let refused = try await server.delete("\(path)/snapshots/weekly").problem
            #expect(refused.code == "snapshot-protected")
            #expect(refused.remedy?.action == .set && refused.remedy?.subject == "\(spec)@weekly")
            #expect(refused.blockers == nil)
            let order = try await server.delete("\(path)/snapshots/weekly?dryRun=true").decoded(as: Plan.self)
            #expect(!order.allowed)
            #expect(order.steps.map(\.action.rawValue) == ["unprotect-snapshot", "delete-snapshot"])
            #expect(try await patch(server, "\(path)/snapshots/weekly", #"{"protected":false}"#).status == 200)
            #expect(try await server.delete("\(path)/snapshots/weekly?dryRun=true").decoded(as: Plan.self).allowed)
            #expect(try await server.delete("\(path)/snapshots/weekly").status == 204)
            #expect(try await server.delete("\(path)/snapshots/weekly").problem.code == "snapshot-not-found")
            #expect(try await TestCluster.run("rbd", ["snap", "ls", spec]).isEmpty)
        }
    }

    private func patch(_ server: TestServer, _ path: String, _ json: String) async throws -> TestServer.Answer {
        try await server.send("PATCH", path, body: json, headers: ["Content-Type": "application/json"])
    }

    @Test func aRenameThatFailsLeavesTheProtection() async throws {
        try await withImage { server, path, _ in
            for name in ["a", "b"] {
                #expect(try await server.post("\(path)/snapshots", #"{"name":"\#(name)"}"#).status == 201)
            }
            let answer = try await patch(server, "\(path)/snapshots/a", #"{"name":"b","protected":true}"#)
            #expect(try answer.problem.code == "snapshot-exists")
            let snapshot: Snapshot = try await server.get("\(path)/snapshots/a").decoded()
            #expect(!snapshot.protected)
        }
    }

    @Test func oddNamesAreReachable() async throws {
        try await withImage { server, path, spec in
            for name in ["a b", "x/y", "100%"] {
                try await TestCluster.run("rbd", ["snap", "create", "\(spec)@tmp"])
                let encoded = PercentEncoding.encode(name)
                // `rbd` itself refuses to create such names.
                let cluster = try await TestCluster.connect()
                let pool = cluster.pool(spec.split(separator: "/").first.map(String.init) ?? "")
                _ = try await pool.changeSnapshot(named: "tmp", ofImage: "vol-1", newName: name)
                #expect(try await server.get("\(path)/snapshots/\(encoded)").decoded(as: Snapshot.self).name == name)
                #expect(try await server.delete("\(path)/snapshots/\(encoded)").status == 204)
            }
            #expect(try await names(server, path).isEmpty)
        }
    }

    @Test(arguments: [("", false), (#","features":["layering"]"#, true)])
    func usage(features: String, isApproximate: Bool) async throws {
        try await withImage(#"{"size":"64MiB"\#(features)}"#) { server, path, spec in
            func write(_ bytes: Int) async throws {
                try await TestCluster.run(
                    "rbd",
                    [
                        "bench", "--io-type", "write", "--io-size", "4M", "--io-threads", "1", "--io-total",
                        "\(bytes)", "--io-pattern", "seq", spec,
                    ]
                )
            }
            try await write(8 << 20)
            #expect(try await server.post("\(path)/snapshots", #"{"name":"one"}"#).status == 201)
            #expect(try await server.post("\(path)/snapshots", #"{"name":"two"}"#).status == 201)
            try await write(4 << 20)
            #expect(try await server.post("\(path)/snapshots", #"{"name":"three"}"#).status == 201)
            let list: ImageSnapshots = try await server.get("\(path)/snapshots?fields=usage").decoded()
            #expect(list.items.map { $0.usage?.usedBytes } == [8 << 20, 0, 4 << 20])
            #expect(list.items.allSatisfy { $0.usage?.approximate == isApproximate })
            let three: Snapshot = try await server.get("\(path)/snapshots/three?fields=usage").decoded()
            #expect(three == list.items.last)
            let plain: ImageSnapshots = try await server.get("\(path)/snapshots").decoded()
            #expect(plain.items.allSatisfy { $0.usage == nil })
            #expect(try await server.get("\(path)/snapshots?fields=x").problem.code == "invalid-parameter")
            let table = try await rbdctl(server, "snapshot", "list", spec, "--usage")
            #expect(table.standardOutput.contains(isApproximate ? "~8 MiB" : " 8 MiB"), "\(table.standardOutput)")
        }
    }

    @Test func rollBack() async throws {
        try await withImage { server, path, spec in
            #expect(try await server.post("\(path)/snapshots", #"{"name":"before"}"#).status == 201)
            try await TestCluster.run("rbd", ["resize", "--no-progress", "--size", "32M", spec])
            let bench = ["bench", "--io-type", "write", "--io-size", "4M", "--io-total", "8M", spec]
            try await TestCluster.run("rbd", bench)

            let rollback = "\(path)/snapshots/before/rollback"
            for query in ["", "?confirm=vol-1"] {
                let unconfirmed = try await server.send("POST", rollback + query).problem
                #expect(unconfirmed.code == "confirmation-required")
                #expect(unconfirmed.hint?.contains("?confirm=before") == true)
            }
            let client = try await TestCluster.openClient(of: spec)
            for query in ["?confirm=before", "?dryRun=true"] {
                let inUse = try await server.send("POST", rollback + query).problem
                #expect(inUse.code == "image-in-use")
                #expect(inUse.retryable)
                #expect(inUse.blockers?.map(\.kind) == [.watcher])
            }
            #expect(try await server.get(path).decoded(as: Image.self).sizeBytes == 32 << 20)
            try client.endInput()
            _ = await client.finish()

            // The watch of a client that has ended disappears a moment later.
            while try await server.send("POST", "\(rollback)?dryRun=true").status != 200 {
                try await Task.sleep(for: .milliseconds(200))
            }
            let done = try await server.send("POST", "\(rollback)?confirm=before&wait=60s")
            #expect(done.status == 200, "\(done.text)")
            let operation: RBDAPI.Operation = try done.decoded()
            #expect(operation.kind == "rollback-image")
            #expect(operation.state == .succeeded)
            #expect(operation.percent == 100)
            #expect(try await server.get(path).decoded(as: Image.self).sizeBytes == 16 << 20)
            #expect(try await TestCluster.run("rbd", ["diff", spec]).isEmpty)
            let begun = try await server.send("POST", "\(rollback)?confirm=before")
            #expect(begun.status == 202)
            let id = try begun.decoded(as: RBDAPI.Operation.self).id
            #expect(begun.headers["location"] == "/v1/operations/\(id)")
            let last: RBDAPI.Operation = try await server.get("/v1/operations/\(id)?wait=60s").decoded()
            #expect(last.state == .succeeded)
            let missing = try await server.send("POST", "\(path)/snapshots/x/rollback?confirm=x").problem
            #expect(missing.code == "snapshot-not-found")
        }
    }

    @Test func locksStandInTheWay() async throws {
        try await withImage { server, path, spec in
            #expect(try await server.post("\(path)/snapshots", #"{"name":"one"}"#).status == 201)
            try await TestCluster.run("rbd", ["lock", "add", spec, "backup"])
            let answers = [
                try await server.post("\(path)/snapshots", #"{"name":"two"}"#),
                try await server.post("\(path)/snapshots?dryRun=true", #"{"name":"two"}"#),
                try await patch(server, "\(path)/snapshots/one", #"{"name":"two"}"#),
                try await server.delete("\(path)/snapshots/one"),
                try await server.send("POST", "\(path)/snapshots/one/rollback?confirm=one"),
                // Without the check of the locks, this request would never end.
                try await server.put("\(path)/snapshot-limit", #"{"limit":7}"#),
            ]
            for answer in answers {
                let problem = try answer.problem
                #expect(problem.code == "image-in-use")
                #expect(problem.blockers?.map(\.kind) == [.lock])
                #expect(problem.remedy?.kind == .lock && problem.remedy?.subject == "\(spec)")
            }
            #expect(try await names(server, path) == ["one"])
        }
    }

    @Test func limits() async throws {
        try await withImage { server, path, spec in
            let none: SnapshotLimit = try await server.get("\(path)/snapshot-limit").decoded()
            #expect(none == SnapshotLimit(limit: nil, snapshotCount: 0))
            #expect(try await server.get("\(path)/snapshot-limit").text.contains(#""limit":null"#))
            for name in ["one", "two"] {
                #expect(try await server.post("\(path)/snapshots", #"{"name":"\#(name)"}"#).status == 201)
            }
            for dryRun in ["?dryRun=true", ""] {
                let tooLow = try await server.put("\(path)/snapshot-limit\(dryRun)", #"{"limit":1}"#).problem
                #expect(tooLow.code == "invalid-snapshot-limit")
                #expect(tooLow.field == "limit")
                #expect(tooLow.detail.contains("it has 2"))
            }
            #expect(try await server.put("\(path)/snapshot-limit?dryRun=true", #"{"limit":2}"#).status == 200)
            #expect(try await server.get("\(path)/snapshot-limit").decoded(as: SnapshotLimit.self).limit == nil)
            let set = try await server.put("\(path)/snapshot-limit", #"{"limit":2}"#)
            #expect(try set.decoded(as: SnapshotLimit.self) == SnapshotLimit(limit: 2, snapshotCount: 2))
            for dryRun in ["?dryRun=true", ""] {
                let full = try await server.post("\(path)/snapshots\(dryRun)", #"{"name":"three"}"#)
                #expect(full.status == 409)
                #expect(try full.problem.code == "snapshot-limit-reached")
            }
            #expect(try await server.put("\(path)/snapshot-limit", "{}").problem.code == "malformed-body")
            #expect(try await server.put("\(path)/snapshot-limit", #"{"limit":-1}"#).problem.code == "malformed-body")
            #expect(try await rbdctl(server, "snapshot", "limit", spec, "none").status == 0)
            #expect(try await rbdctl(server, "snapshot", "limit", spec, "-o", "name").standardOutput == "none\n")
            #expect(try await server.post("\(path)/snapshots", #"{"name":"three"}"#).status == 201)
        }
    }

    @Test func snapshotsOfGroupsAreOnlyShown() async throws {
        try await withImage { server, path, spec in
            let group = spec.replacingOccurrences(of: "vol-1", with: "database")
            try await TestCluster.run("rbd", ["group", "create", group])
            try await TestCluster.run("rbd", ["group", "image", "add", group, spec])
            try await TestCluster.run("rbd", ["group", "snap", "create", "\(group)@nightly"])
            let items = try await server.get("\(path)/snapshots").decoded(as: ImageSnapshots.self).items
            let snapshot = try #require(items.first)
            #expect(snapshot.kind == "group")
            #expect(snapshot.origin == "\(group)@nightly")
            let one = "\(path)/snapshots/\(snapshot.name)"
            #expect(try await server.get(one).decoded(as: Snapshot.self) == snapshot)
            for answer in [
                try await server.delete(one), try await patch(server, one, #"{"name":"x"}"#),
                try await server.send("POST", "\(one)/rollback?confirm=\(snapshot.name)"),
            ] {
                let problem = try answer.problem
                #expect(problem.code == "snapshot-managed")
                #expect(problem.detail.contains("\(group)@nightly"))
            }
        }
    }

    @Test func aFullPoolIsNoReachedLimit() async throws {
        try await withImage { server, path, spec in
            let pool = String(spec.split(separator: "/")[0])
            let cluster = try await TestCluster.connect()
            #expect(try await server.post("\(path)/snapshots", #"{"name":"before"}"#).status == 201)
            try await TestCluster.run("ceph", ["osd", "pool", "set-quota", pool, "max_objects", "1"])
            while try await !cluster.poolInfo(named: pool).flags.contains("full") {
                try await Task.sleep(for: .milliseconds(200))
            }
            // The OSDs and the service's client learn of the flag a moment after the monitors.
            var answer = try await server.post("\(path)/snapshots", #"{"name":"after-0"}"#)
            var number = 1
            while answer.status == 201 {
                answer = try await server.post("\(path)/snapshots", #"{"name":"after-\#(number)"}"#)
                number += 1
            }
            let clone = #"{"source":{"image":"vol-1","snapshot":"before"}}"#
            for answer in [
                answer,
                try await server.post("\(path)/snapshots?dryRun=true", #"{"name":"daily"}"#),
                try await server.send("POST", "\(path)/snapshots/before/rollback?confirm=before"),
                try await server.send("POST", "\(path)/snapshots/before/rollback?dryRun=true"),
                try await server.put("\(path)-clone", clone),
                try await server.put("\(path)-clone?dryRun=true", clone),
                try await server.post("/v1/pools/\(pool)/namespaces", #"{"name":"tenant"}"#),
                try await server.post("/v1/pools/\(pool)/namespaces?dryRun=true", #"{"name":"tenant"}"#),
            ] {
                #expect(answer.status == 507, "\(answer.text)")
                let problem = try answer.problem
                #expect(problem.code == "pool-full")
                #expect(problem.hint?.contains("set-quota \(pool)") == true)
            }
            // The snapshot that librbd took without its object map has been removed.
            #expect(try await names(server, path) == ["before"])
            // These requests need no space.
            #expect(
                try await patch(server, "\(path)/snapshots/before", #"{"name":"b","protected":true}"#).status == 200
            )
            #expect(try await patch(server, "\(path)/snapshots/b", #"{"protected":false}"#).status == 200)
            #expect(try await server.put("\(path)/snapshot-limit", #"{"limit":99}"#).status == 200)
            #expect(try await server.delete("\(path)/snapshots/b?dryRun=true").status == 200)
            #expect(try await server.delete("\(path)/snapshots/b").status == 204)
            #expect(try await names(server, path).isEmpty)
        }
    }

    @Test func byRbdctl() async throws {
        try await withImage { server, _, spec in
            let planned = try await rbdctl(server, "snapshot", "create", "\(spec)@daily", "--dry-run")
            #expect(planned.status == 0)
            #expect(planned.standardOutput.contains("create-snapshot"))
            let created = try await rbdctl(server, "snapshot", "create", "\(spec)@daily")
            #expect(created.standardOutput == "\(spec)@daily\n", "\(created.standardError)")
            #expect(try await rbdctl(server, "snapshot", "protect", "\(spec)@daily").status == 0)
            let refused = try await rbdctl(server, "snapshot", "delete", "\(spec)@daily")
            #expect(refused.status == 3)
            #expect(refused.standardError.contains("is protected"))
            #expect(try await rbdctl(server, "snapshot", "unprotect", "\(spec)@daily").status == 0)
            let renamed = try await rbdctl(server, "snapshot", "rename", "\(spec)@daily", "weekly")
            #expect(renamed.standardOutput == "\(spec)@weekly\n")
            let list = try await rbdctl(server, "snapshot", "ls", spec, "-o", "name")
            #expect(list.standardOutput == "\(spec)@weekly\n")
            let one = try await rbdctl(server, "snapshot", "get", "\(spec)@weekly", "-o", "yaml")
            #expect(one.standardOutput.contains("kind: user"))
            #expect(try await rbdctl(server, "snapshot", "rollback", "\(spec)@weekly").status == 64)
            let back = try await rbdctl(server, "snapshot", "rollback", "\(spec)@weekly", "--confirm", "weekly")
            #expect(back.standardOutput == "\(spec)\n", "\(back.standardError)")
            let gone = try await rbdctl(server, "snapshot", "rm", "\(spec)@none", "\(spec)@weekly")
            #expect(gone.status == 2)
            #expect(gone.standardOutput == "\(spec)@weekly\n")
            #expect(try await rbdctl(server, "snapshot", "rm", "--ignore-missing", "\(spec)@weekly").status == 0)
        }
    }
}
