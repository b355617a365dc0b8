// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

import Foundation
import TestSupport
import Testing

/// The daemon as a process of its own.
struct RunningDaemon: Sendable {
    static let path = Subprocess.built("rbd-rest-api")

    let process: RunningProcess
    let server: TestServer

    /// Starts the daemon on a free port and waits until it is ready.
    /// - Parameter isUser: it is told which Ceph user to be; else that is left to the arguments and the environment.
    static func start(
        _ arguments: [String] = [],
        environment: [String: String]? = nil,
        isUser: Bool = true
    ) async throws -> RunningDaemon {
        let user = isUser ? try await TestCluster.userOptions : []
        let process = try RunningProcess(path, ["--port", "0"] + user + arguments, environment: environment)
        let line = try await process.waitForOutput(containing: "listening on ")
        let server = TestServer(url: String(try #require(line.split(separator: " ").last)))
        while try await server.get("/readyz").status != 200 { try await Task.sleep(for: .milliseconds(50)) }
        return RunningDaemon(process: process, server: server)
    }
}
