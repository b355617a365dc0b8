// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

import Foundation
import RBDAPI
import TestSupport
import Testing

/// Clones that were encrypted with a key of their own. librbd 17 and newer writes such a clone's header into its first
/// object. The tests write it themselves, because older tools can't.
@Suite(.tags(.cluster), .enabled(if: TestCluster.isAvailable), .timeLimit(.minutes(5)))
struct EncryptedCloneTests {
    /// Makes a snapshot `parent@base`, and a clone that begins with the bytes and has a snapshot `s`.
    private func makeClone(_ name: String, in pool: String, beginning begin: String) async throws {
        let rbd = TestCluster.run
        if try await !rbd("rbd", ["ls", pool]).contains("parent") {
            _ = try await rbd("rbd", ["create", "--size", "16M", "\(pool)/parent"])
            let write = ["--io-type", "write", "--io-size", "1M", "--io-total", "16M", "\(pool)/parent"]
            _ = try await rbd("rbd", ["bench"] + write)
            _ = try await rbd("rbd", ["snap", "create", "\(pool)/parent@base"])
        }
        let options = ["--rbd-default-clone-format", "2", "--image-feature", "layering"]
        _ = try await rbd("rbd", ["clone"] + options + ["\(pool)/parent@base", "\(pool)/\(name)"])
        let info = try JSONSerialization.jsonObject(
            with: Data(try await rbd("rbd", ["info", "--format", "json", "\(pool)/\(name)"]).utf8)
        )
        let prefix = try #require((info as? [String: Any])?["block_name_prefix"] as? String)
        let file = FileManager.default.temporaryDirectory.appendingPathComponent(TestCluster.uniqueName())
        defer { try? FileManager.default.removeItem(at: file) }
        try (Data(begin.utf8) + Data(repeating: 7, count: 8192)).write(to: file)
        _ = try await rbd("rados", ["--pool", pool, "put", "\(prefix).0000000000000000", file.path])
        _ = try await rbd("rbd", ["snap", "create", "\(pool)/\(name)@s"])
    }

    @Test func nothingThatWouldDestroyThemIsDone() async throws {
        try await TestServer.withCluster { server in
            try await TestCluster.withPool { pool, _ in
                try await makeClone("clone", in: pool, beginning: "RBDL")
                let clone = "/v1/pools/\(pool)/images/clone"
                let before = try await TestCluster.checksum("\(pool)/clone")
                for (action, body) in [
                    ("flatten", ""), ("copy", #"{"name":"copied"}"#), ("copy", #"{"name":"copied","snapshot":"s"}"#),
                    ("copy", #"{"name":"copied","withSnapshots":true}"#),
                ] {
                    for query in ["", "?dryRun=true"] {
                        let problem = try await server.post("\(clone)/\(action)\(query)", body).problem
                        #expect(problem.code == "image-encrypted", "\(action) \(body)")
                        #expect(problem.hint?.contains("--encryption-passphrase-file") == true)
                    }
                }
                #expect(try await server.get("/v1/pools/\(pool)/images/copied").problem.code == "image-not-found")
                #expect(try await TestCluster.checksum("\(pool)/clone") == before)
                #expect(try await server.get(clone).decoded(as: RBDAPI.Image.self).parent?.image == "parent")

                // The steps that detach the clone from the parent also mention the passphrases.
                let plan = try await server.delete("/v1/pools/\(pool)/images/parent?dryRun=true").decoded(as: Plan.self)
                let step = plan.steps.first { $0.action.rawValue == "flatten-clone" }
                #expect(step?.detail?.contains("--encryption-passphrase-file") == true, "\(plan)")
                // A rollback restores each object.
                let rolled = try await server.post("\(clone)/snapshots/s/rollback?confirm=s&wait=20s", "")
                #expect(rolled.status == 200, "\(rolled.text)")
                #expect(try await TestCluster.checksum("\(pool)/clone") == before)
            }
        }
    }

    /// A clone of the clone shows the first clone's first bytes as its own.
    @Test func neitherAreTheirClones() async throws {
        try await TestServer.withCluster { server in
            try await TestCluster.withPool { pool, _ in
                try await makeClone("clone", in: pool, beginning: "RBDL")
                _ = try await TestCluster.run(
                    "rbd",
                    ["clone", "--rbd-default-clone-format", "2", "\(pool)/clone@s", "\(pool)/second"]
                )
                let second = "/v1/pools/\(pool)/images/second"
                #expect(try await server.post("\(second)/flatten", "").problem.code == "image-encrypted")
                let copied = try await server.post("\(second)/copy", #"{"name":"copied"}"#).problem
                #expect(copied.code == "image-encrypted")
            }
        }
    }

    /// The whole clone has one key, the parent's.
    @Test func aCloneOfAnEncryptedImageIsFlattenedLikeAnyOther() async throws {
        try await TestServer.withCluster { server in
            try await TestCluster.withPool { pool, _ in
                try await makeClone("clone", in: pool, beginning: "LUKS")
                let before = try await TestCluster.checksum("\(pool)/clone")
                let flat = try await server.post("/v1/pools/\(pool)/images/clone/flatten?wait=30s", "")
                #expect(flat.status == 200, "\(flat.text)")
                #expect(try await TestCluster.checksum("\(pool)/clone") == before)
            }
        }
    }
}
