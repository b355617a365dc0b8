// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

import Foundation
import Testing

/// The daemon as a process of its own.
public struct RunningDaemon: Sendable {
    public static let path = Subprocess.built("rbd-rest-api")

    public let process: RunningProcess
    public let server: TestServer

    public init(process: RunningProcess, server: TestServer) {
        (self.process, self.server) = (process, server)
    }

    /// Starts the daemon on a free port and waits until it is ready.
    /// - Parameters:
    ///   - isUser: whether the daemon gets the options for the Ceph user of the tests. Otherwise, the arguments and the
    ///     environment decide.
    ///   - waitsForCluster: whether to wait until its cluster answers, too. Otherwise, the daemon is as ready as it can
    ///     be without one.
    public static func start(
        _ arguments: [String] = [],
        path: String = RunningDaemon.path,
        environment: [String: String]? = nil,
        isUser: Bool = true,
        waitsForCluster: Bool = true
    ) async throws -> RunningDaemon {
        let user = isUser ? try await TestCluster.userOptions : []
        let process = try RunningProcess(path, ["--port", "0"] + user + arguments, environment: environment)
        do {
            let line = try await process.waitForOutput(containing: "rbd-rest-api listening on ")
            let server = TestServer(url: String(try #require(line.split(separator: " ").last)))
            while waitsForCluster, try await server.get("/readyz").status != 200 {
                try await Task.sleep(for: .milliseconds(50))
            }
            return RunningDaemon(process: process, server: server)
        } catch {
            // No other code knows this process.
            process.signal(SIGKILL)
            _ = await process.finish()
            throw error
        }
    }
}
