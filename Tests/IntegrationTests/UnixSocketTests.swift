// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

import Foundation
import TestSupport
import Testing

/// The daemon on a Unix socket. The requests need no cluster.
@Suite(.timeLimit(.minutes(2)))
struct UnixSocketTests {
    private func withSocket(_ body: (_ path: String) async throws -> Void) async throws {
        // The path of a Unix socket must be short.
        let directory = URL(fileURLWithPath: "/tmp/rbd-\(UInt32.random(in: 0 ... .max))")
        try FileManager.default.createDirectory(at: directory, withIntermediateDirectories: false)
        defer { try? FileManager.default.removeItem(at: directory) }
        try await body(directory.appendingPathComponent("s").path)
    }

    private func start(_ path: String, _ arguments: String...) async throws -> RunningProcess {
        let user = try await TestCluster.userOptions
        let process = try RunningProcess(RunningDaemon.path, ["--unix-socket", path] + user + arguments)
        let line = try await process.waitForOutput(containing: "listening on ")
        #expect(line.hasSuffix("listening on unix:\(path)"))
        return process
    }

    private func curl(_ path: String) async throws -> Subprocess {
        let arguments = ["--silent", "--max-time", "20", "--unix-socket", path, "http://localhost/livez"]
        return try await Subprocess.run("/usr/bin/curl", arguments)
    }

    private func mode(_ path: String) throws -> Int? {
        try FileManager.default.attributesOfItem(atPath: path)[.posixPermissions] as? Int
    }

    @Test func whoMayWriteToTheFileMayAsk() async throws {
        try await withSocket { path in
            let group = try #require(getgrgid(getegid())?.pointee.gr_name.map { String(cString: $0) })
            let process = try await start(path, "--unix-socket-mode", "0600", "--unix-socket-group", group)
            #expect(try mode(path) == 0o600)
            #expect(try await curl(path).standardOutput == #"{"status":"ok"}"#)
            let listed = try await Subprocess.run(
                Subprocess.built("rbdctl"),
                ["operation", "list", "--server", "unix:\(path)"]
            )
            // It does not matter whether there is a cluster.
            #expect([0, 6].contains(listed.status), "\(listed.standardError)")
            // A second daemon does not take the socket away from the first.
            let second = try await Subprocess.run(RunningDaemon.path, ["--unix-socket", path])
            #expect(second.status == 1)
            #expect(second.standardError.contains("can't listen on the socket \(path): it is in use already"))
            #expect(try await curl(path).status == 0)
            process.signal(SIGTERM)
            #expect(await process.finish().status == 0)
            #expect(!FileManager.default.fileExists(atPath: path))
        }
    }

    @Test func whatADeadServiceLeftIsReplacedAndNothingElse() async throws {
        try await withSocket { path in
            var process = try await start(path)
            #expect(try mode(path) == 0o660)
            process.signal(SIGKILL)
            _ = await process.finish()
            #expect(FileManager.default.fileExists(atPath: path))
            process = try await start(path)
            #expect(try await curl(path).status == 0)
            process.signal(SIGTERM)
            #expect(await process.finish().status == 0)
            try Data("mine".utf8).write(to: URL(fileURLWithPath: path))
            let refused = try await Subprocess.run(RunningDaemon.path, ["--unix-socket", path])
            #expect(refused.status == 1)
            #expect(refused.standardError.contains("something other than a socket exists at this path"))
            #expect(try String(contentsOfFile: path, encoding: .utf8) == "mine")
        }
    }

    @Test(
        arguments: [
            (["--unix-socket-mode", "9"], "unix-socket-mode"), (["--unix-socket-group", "no such group"], "no group"),
        ]
    )
    func whatCanNotBeIsSaid(arguments: [String], sentence: String) async throws {
        try await withSocket { path in
            let refused = try await Subprocess.run(RunningDaemon.path, ["--unix-socket", path] + arguments)
            #expect(refused.status == 78)
            #expect(refused.standardError.contains(sentence))
        }
        let long = "/tmp/\(String(repeating: "a", count: 120))"
        let refused = try await Subprocess.run(RunningDaemon.path, ["--unix-socket", long])
        #expect(refused.status == 78)
        #expect(refused.standardError.contains("107 bytes"))
    }
}
