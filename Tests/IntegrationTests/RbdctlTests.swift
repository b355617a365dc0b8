// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

import Foundation
import RBDAPI
import TestSupport
import Testing

/// `rbdctl` as a program, in front of the real service and cluster.
@Suite(.tags(.cluster), .enabled(if: TestCluster.isAvailable), .timeLimit(.minutes(5)))
struct RbdctlTests {
    private func rbdctl(_ server: TestServer, _ arguments: String...) async throws -> Subprocess {
        var environment = ProcessInfo.processInfo.environment
        environment["RBDCTL_SERVER"] = server.url
        return try await Subprocess.run(Subprocess.built("rbdctl"), arguments, environment: environment)
    }

    @Test func theLifeOfAnImage() async throws {
        try await TestServer.withCluster { server in
            try await TestCluster.withPool { pool, _ in
                let created = try await rbdctl(server, "image", "create", "\(pool)/vol-1", "--size", "1.5GiB")
                #expect(created.status == 0, "\(created.standardError)")
                #expect(created.standardOutput == "\(pool)/vol-1\n")
                let table = try await rbdctl(server, "image", "list", pool)
                #expect(table.standardOutput.contains("1.5 GiB"))
                let json = try await rbdctl(server, "image", "get", "\(pool)/vol-1", "-o", "json")
                let image = try JSONDecoder().decode(Image.self, from: Data(json.standardOutput.utf8))
                #expect(image.sizeBytes == 1_610_612_736)

                let again = try await rbdctl(server, "image", "create", "\(pool)/vol-1", "--size", "1.5GiB")
                #expect(again.status == 3)
                #expect(again.standardOutput.isEmpty)
                let same = try await rbdctl(
                    server,
                    "image",
                    "create",
                    "\(pool)/vol-1",
                    "--size",
                    "1.5GiB",
                    "--if-not-exists"
                )
                #expect(same.status == 0)
                let differs = try await rbdctl(
                    server,
                    "image",
                    "create",
                    "\(pool)/vol-1",
                    "--size",
                    "2GiB",
                    "--if-not-exists"
                )
                #expect(differs.status == 3)
                #expect(differs.standardError.contains("size"))

                #expect(try await rbdctl(server, "image", "delete", "\(pool)/vol-1").status == 0)
                #expect(try await rbdctl(server, "image", "delete", "\(pool)/vol-1").status == 2)
                #expect(try await rbdctl(server, "image", "delete", "--ignore-missing", "\(pool)/vol-1").status == 0)
                #expect(try await rbdctl(server, "image", "list", pool, "-o", "name").standardOutput.isEmpty)
            }
        }
    }

    @Test func poolsAndTheCluster() async throws {
        try await TestServer.withCluster { server in
            let name = TestCluster.uniqueName()
            let created = try await rbdctl(server, "pool", "create", name, "--pg-num", "8", "--size", "1")
            #expect(created.status == 0, "\(created.standardError)")
            let names = try await rbdctl(server, "pool", "list", "-o", "name").standardOutput
            #expect(names.split(separator: "\n").contains { $0 == name })
            #expect(try await rbdctl(server, "pool", "get", name, "-o", "yaml").standardOutput.contains("pgNum: 8"))
            let unconfirmed = try await rbdctl(server, "pool", "delete", name)
            #expect(unconfirmed.status == 64)
            #expect(unconfirmed.standardError.contains("--confirm"))
            #expect(try await rbdctl(server, "pool", "delete", name, "--confirm", name).status == 0)
            #expect(try await rbdctl(server, "pool", "get", name).status == 2)
            let cluster = try await rbdctl(server, "cluster", "get", "-o", "json")
            let status = try JSONDecoder().decode(ClusterStatus.self, from: Data(cluster.standardOutput.utf8))
            #expect(try await TestCluster.run("ceph", ["fsid"]).contains(status.fsid))
        }
    }

    @Test func errorsGoToStandardErrorWithTheHint() async throws {
        try await TestServer.withCluster { server in
            let missing = try await rbdctl(server, "image", "list", "no-such-pool")
            #expect(missing.status == 2)
            #expect(missing.standardOutput.isEmpty)
            #expect(missing.standardError.contains("pool \"no-such-pool\" does not exist"))
            #expect(missing.standardError.contains("hint: "))
            let bad = try await rbdctl(server, "image", "create", "rbd/a", "--size", "10GB")
            #expect(bad.status == 64)
            #expect(bad.standardError.contains("--size"))
        }
        let nobody = try await rbdctl(TestServer(url: "http://127.0.0.1:1"), "pool", "list")
        #expect(nobody.status == 6)
        #expect(nobody.standardError.contains("http://127.0.0.1:1"))
    }
}
