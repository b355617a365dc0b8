// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

import Foundation
import RBDAPI
import TestSupport
import Testing

/// Tokens as people create and use them, with the daemon and rbdctl as programs.
@Suite(.tags(.cluster), .enabled(if: TestCluster.isAvailable), .timeLimit(.minutes(3)))
struct TokenProgramTests {
    private func newToken(_ arguments: String...) async throws -> Subprocess {
        try await Subprocess.run(RunningDaemon.path, ["token", "new"] + arguments)
    }

    @Test func aTokenFromItsMakingToItsUse() async throws {
        let directory = FileManager.default.temporaryDirectory.appendingPathComponent("\(UUID())")
        try FileManager.default.createDirectory(at: directory, withIntermediateDirectories: false)
        defer { try? FileManager.default.removeItem(at: directory) }
        let (file, kept) = (directory.appendingPathComponent("tokens.yaml").path, directory.appendingPathComponent("t"))
        let made = try await newToken("--name", "kubernetes", "--scope", "all:*", "--add-to", file)
        #expect(made.status == 0, "\(made.standardError)")
        #expect(made.standardError.isEmpty)
        let token = made.standardOutput.trimmingCharacters(in: .newlines)
        let mode = try FileManager.default.attributesOfItem(atPath: file)[.posixPermissions] as? Int
        #expect(mode == 0o600)
        #expect(try !String(contentsOfFile: file, encoding: .utf8).contains(token))
        try Data("\(token)\n".utf8).write(to: kept)

        let daemon = try await RunningDaemon.start(["--token-file", file, "--host", "127.0.0.1"])
        let server = daemon.server
        #expect(try await server.get("/v1/pools").status == 401)
        let headers = ["Authorization": "Bearer \(token)"]
        #expect(try await server.send("GET", "/v1/pools", headers: headers).status == 200)
        #expect(try await server.send("GET", "/metrics", headers: headers).status == 200)

        let refused = try await rbdctl(server, "pool", "list")
        #expect(refused.status == 5)
        #expect(refused.standardError.contains("RBDCTL_TOKEN"))
        #expect(try await rbdctl(server, "pool", "list", "--token-file", kept.path).status == 0)
        let environment = ProcessInfo.processInfo.environment.merging(["RBDCTL_TOKEN": token]) { $1 }
        let binary = Subprocess.built("rbdctl")
        let arguments = ["--server", server.url]
        let known = try await Subprocess.run(binary, ["pool", "list"] + arguments, environment: environment)
        #expect(known.status == 0, "\(known.standardError)")
        let missing = try await rbdctl(server, "pool", "list", "--token-file", "\(file).none")
        #expect(missing.status == 64)
        #expect(missing.standardError.contains("--token-file"))

        daemon.process.signal(SIGTERM)
        let end = await daemon.process.finish()
        #expect(end.status == 0)
        // The log has the caller's name, but not its token.
        #expect(!(end.standardOutput + end.standardError).contains(token))
    }

    @Test func withoutAFileTheLinesAreShown() async throws {
        let made = try await newToken("--name", "backup", "--scope", "read:rbd/a-*", "--lifetime", "90d")
        #expect(made.status == 0)
        #expect(made.standardOutput.wholeMatch(of: /rbd_[A-Za-z0-9_-]{43}\n/) != nil)
        #expect(made.standardError.contains("  - name: backup\n"))
        #expect(made.standardError.contains("expires: "))
        for (arguments, reason) in [
            (["--name", "a b", "--scope", "all:*"], "letters"), (["--name", "a"], "--scope"),
            (["--name", "a", "--scope", "all:*", "--lifetime", "soon"], "24h"),
            (["--name", "a", "--scope", "look:rbd"], "there is no verb \"look\""),
            (["--name", "a", "--add-to", "/nowhere/tokens"], "--scope"),
            (["--name", "a", "--scope", "all:*", "--add-to", "/nowhere/tokens"], "can't be written"), ([], "--name"),
        ] {
            let refused = try await Subprocess.run(RunningDaemon.path, ["token", "new"] + arguments)
            #expect(refused.status == 64)
            #expect(refused.standardError.contains(reason))
            #expect(refused.standardOutput.isEmpty)
        }
    }

    /// The token is shown before its digest is stored. If it can't be shown, nothing is stored.
    @Test(arguments: [
        #""$0" "$@" > /dev/full"#, #""$0" "$@" >&-"#,
        // The reader is gone before the token is written.
        #"set -o pipefail; { sleep 1; "$0" "$@"; } | true"#,
    ])
    func aTokenThatCannotBeShownIsNotMade(script: String) async throws {
        let directory = FileManager.default.temporaryDirectory.appendingPathComponent("\(UUID())")
        try FileManager.default.createDirectory(at: directory, withIntermediateDirectories: false)
        defer { try? FileManager.default.removeItem(at: directory) }
        let file = directory.appendingPathComponent("tokens.yaml")
        try Data("identities: []\n".utf8).write(to: file)
        try FileManager.default.setAttributes([.posixPermissions: 0o600], ofItemAtPath: file.path)
        let command = ["token", "new", "--name", "backup", "--scope", "read:rbd", "--add-to", file.path]
        let refused = try await Subprocess.run("/bin/bash", ["-c", script, RunningDaemon.path] + command)
        #expect(refused.status == 64, "\(refused.standardError)")
        #expect(refused.standardError.contains("no token was made"))
        #expect(try String(contentsOf: file, encoding: .utf8) == "identities: []\n")
        #expect(try FileManager.default.contentsOfDirectory(atPath: directory.path) == ["tokens.yaml"])
    }

    @Test func withoutTokensOnlyItsOwnMachineIsServed() async throws {
        let refused = try await Subprocess.run(RunningDaemon.path, ["--host", "0.0.0.0", "--port", "0"])
        #expect(refused.status == 78)
        #expect(refused.standardError.contains("token-file"))
        let missing = try await Subprocess.run(
            RunningDaemon.path,
            ["--host", "0.0.0.0", "--port", "0", "--token-file", "/nowhere"]
        )
        #expect(missing.status == 78)
        #expect(missing.standardError.contains("/nowhere"))
    }
}
