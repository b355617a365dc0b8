// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

import Foundation
import RBDAPI
import TestSupport
import Testing

/// `rbdctl` as a program, in front of the real service and cluster.
@Suite(.tags(.cluster), .enabled(if: TestCluster.isAvailable), .timeLimit(.minutes(5)))
struct RbdctlTests {
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

    @Test func hintsNameCommandsAndOptions() async throws {
        try await TestServer.withCluster { server in
            try await TestCluster.withPool { pool, _ in
                let image = "\(pool)/vol-1"
                #expect(try await rbdctl(server, "image", "create", image, "--size", "1GiB").status == 0)
                let lines: [(arguments: [String], hint: String)] = [
                    (["image", "resize", image, "512MiB"], "add --allow-shrink --confirm 512MiB to confirm"),
                    (["pool", "get", "no-such-pool"], "rbdctl pool list lists the pools"),
                    (["image", "clone", "\(image)@no", "\(pool)/clone"], "write the source as pool/image@snapshot"),
                    (["snapshot", "rollback", "\(image)@no", "--confirm", "no"], "rbdctl snapshot list \(image) "),
                    (["image", "lock", "break", image, "client.1", "--yes"], "rbdctl image lock list \(image) "),
                    (["namespace", "get", "\(pool)/no"], "rbdctl namespace create \(pool)/no "),
                    (["group", "get", "\(pool)/no"], "rbdctl group list \(pool) "),
                    (["operation", "get", "1-no"], "rbdctl operation list "),
                ]
                for (arguments, hint) in lines {
                    let refused = try await rbdctl(server, arguments)
                    #expect(refused.standardError.contains("hint: \(hint)"), "\(arguments): \(refused.standardError)")
                    let found = HTTPWords.found(in: refused.standardError)
                    #expect(found.isEmpty, "\(arguments): \(found)")
                }
            }
        }
    }

    @Test func unknownCommandsGetASuggestion() async throws {
        let unknown = try await rbdctl(TestServer(url: "http://127.0.0.1:1"), "img", "list")
        #expect(unknown.status == 64)
        #expect(unknown.standardOutput.isEmpty)
        #expect(unknown.standardError.contains("hint: did you mean rbdctl image list?\n"))
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

/// Runs `rbdctl` in front of a server.
func rbdctl(_ server: TestServer, _ arguments: String...) async throws -> Subprocess {
    try await rbdctl(server, arguments)
}

func rbdctl(_ server: TestServer, _ arguments: [String]) async throws -> Subprocess {
    var environment = ProcessInfo.processInfo.environment
    environment["RBDCTL_SERVER"] = server.url
    return try await Subprocess.run(Subprocess.built("rbdctl"), arguments, environment: environment)
}
