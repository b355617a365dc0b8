// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

import Ceph
import Foundation
import RBDAPI
import TestSupport
import Testing

/// DELETE checks before it destroys: each refusal names what is in the way, and nothing is lost.
@Suite(.tags(.cluster), .enabled(if: TestCluster.isAvailable), .timeLimit(.minutes(5)))
struct BlockerTests {
    /// Runs the body with an image. Afterwards the image must still exist, and it must be possible to delete it.
    private func withImage(
        _ body: @escaping @Sendable (_ server: TestServer, _ path: String, _ spec: String) async throws -> Void
    ) async throws {
        try await TestServer.withCluster { server in
            try await TestCluster.withPool { pool, _ in
                let path = "/v1/pools/\(pool)/images/vol-1"
                #expect(try await server.put(path, #"{"size":"16MiB"}"#).status == 201)
                try await body(server, path, "\(pool)/vol-1")
                #expect(try await server.get(path).status == 200)
                var answer = try await server.delete(path)
                // The watch of a client that has ended disappears a moment later.
                while answer.status == 409, try answer.problem.blockers?.allSatisfy({ $0.kind == .watcher }) ?? false {
                    try await Task.sleep(for: .milliseconds(200))
                    answer = try await server.delete(path)
                }
                #expect(answer.status == 200, "\(answer.text)")
            }
        }
    }

    @Test func clientsThatHaveItOpen() async throws {
        try await withImage { server, path, spec in
            let client = try await TestCluster.openClient(of: spec)
            let problem = try await server.delete(path).problem
            #expect(problem.status == 409)
            #expect(problem.code == "image-in-use")
            #expect(problem.retryable)
            let blocker = try #require(problem.blockers?.first)
            #expect(blocker.kind == .watcher)
            #expect(try await TestCluster.run("rbd", ["status", spec]).contains("watcher=\(blocker.address ?? "?") "))
            #expect(blocker.client?.hasPrefix("client.") == true)
            try client.endInput()
            _ = await client.finish()
        }
    }

    /// With such a lock, rbd_remove does not fail: it hangs.
    @Test func locks() async throws {
        try await withImage { server, path, spec in
            try await TestCluster.run("rbd", ["lock", "add", spec, "backup job"])
            let problem = try await server.delete(path).problem
            #expect(problem.code == "image-in-use")
            let blocker = try #require(problem.blockers?.first)
            #expect(blocker.kind == .lock)
            #expect(blocker.name == "backup job")
            #expect(blocker.address?.hasPrefix("127.0.0.1:") == true)
            #expect(problem.remedy?.kind == .lock && problem.remedy?.value == blocker.client)
            try await TestCluster.run("rbd", ["lock", "rm", spec, "backup job", blocker.client ?? ""])
        }
    }

    @Test func snapshotsAndGroupsTogether() async throws {
        try await withImage { server, path, spec in
            let group = spec.replacingOccurrences(of: "vol-1", with: "database")
            for name in ["hourly", "daily"] {
                try await TestCluster.run("rbd", ["snap", "create", "\(spec)@\(name)"])
            }
            try await TestCluster.run("rbd", ["group", "create", group])
            try await TestCluster.run("rbd", ["group", "image", "add", group, spec])
            var problem = try await server.delete(path).problem
            #expect(problem.code == "image-has-snapshots")
            #expect(problem.detail.contains("has 2 snapshots"))
            #expect(problem.blockers?.map(\.name) == ["hourly", "daily", group])
            #expect(problem.blockers?.first?.since?.hasSuffix("Z") == true)
            let told = try await rbdctl(server, "image", "delete", spec)
            #expect(told.status == 3)
            #expect(told.standardError.contains("snapshot hourly since 2"))
            #expect(told.standardError.contains("group \(group)"))

            try await TestCluster.run("rbd", ["snap", "purge", "--no-progress", spec])
            problem = try await server.delete(path).problem
            #expect(problem.code == "image-in-group")
            #expect(problem.remedy?.value == "\(group)" && problem.remedy?.subject == "\(spec)")
            try await TestCluster.run("rbd", ["group", "image", "rm", group, spec])
        }
    }

    @Test func migrations() async throws {
        try await withImage { server, path, spec in
            try await TestCluster.run("rbd", ["migration", "prepare", spec, "\(spec)-new"])
            let problem = try await server.delete("\(path)-new").problem
            #expect(problem.code == "image-migrating")
            #expect(problem.blockers?.map(\.kind) == [.migration])
            try await TestCluster.run("rbd", ["migration", "abort", "--no-progress", spec])
        }
    }
}
