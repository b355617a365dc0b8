// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

public import Ceph
import Foundation
import Synchronization
public import Testing

extension Tag {
    /// Tests that need a real Ceph cluster.
    @Tag public static var cluster: Self
}

/// The real cluster that `dev/test` starts for the tests. It names the cluster in CEPH_CONF.
public enum TestCluster {
    /// `dev/test` sets this. Without it, `swift test` must not touch any cluster that the machine may know.
    public static let isAvailable =
        ProcessInfo.processInfo.environment["RBD_REST_API_TEST_CLUSTER"] == "1"
        && ProcessInfo.processInfo.environment["CEPH_CONF"] != nil

    /// Path of the cluster's ceph.conf.
    public static var configFile: String { ProcessInfo.processInfo.environment["CEPH_CONF"] ?? "" }

    /// The path of one of Ceph's own tools. The tools of the cluster's release are in the directory that `dev/matrix`
    /// names.
    public static func tool(_ name: String) -> String {
        "\(ProcessInfo.processInfo.environment["RBD_REST_API_TEST_TOOLS"] ?? "/usr/bin")/\(name)"
    }

    private static let connection = Task { try await Cluster.connect(try await configuration) }

    /// One connection for all tests of a process.
    public static func connect() async throws -> Cluster {
        try await connection.value
    }

    /// A name that no other test and no other run uses.
    public static func uniqueName(_ prefix: String = "test") -> String {
        "\(prefix)-\(String(UInt64.random(in: .min ... .max), radix: 36))"
    }

    /// Runs the body with a pool of its own, which is deleted afterwards, even if the body throws.
    public static func withPool<Value>(
        _ body: (_ name: String, _ cluster: Cluster) async throws -> Value
    ) async throws -> Value {
        let cluster = try await connect()
        let name = uniqueName()
        do {
            _ = try await cluster.createPool(named: name, options: PoolOptions(pgNum: 8, size: 1, autoscale: .off))
        } catch let error as CephError where error.code == .poolExists {
            // No other test uses the name, so librados has sent the command again, as it does when a monitor is slow.
        }
        try await cluster.initializePool(named: name)
        let result: Result<Value, any Error>
        do {
            result = .success(try await body(name, cluster))
        } catch {
            result = .failure(error)
        }
        try await delete(name, from: cluster)
        return try result.get()
    }

    /// Deletes a pool, and waits if a test forbids the deletion of all pools for a moment.
    private static func delete(_ pool: String, from cluster: Cluster) async throws {
        var attemptsLeft = 50
        while true {
            do {
                return try await cluster.deletePool(named: pool)
            } catch let error as CephError where error.code == .poolDeletionDisabled && attemptsLeft > 0 {
                attemptsLeft -= 1
                try await Task.sleep(for: .milliseconds(200))
            }
        }
    }

    /// Runs one of Ceph's own tools against the cluster.
    /// - Returns: its standard output.
    @discardableResult
    public static func run(_ tool: String, _ arguments: [String]) async throws -> String {
        let result = try await Subprocess.run(Self.tool(tool), ["--conf", configFile] + arguments)
        guard result.status == 0 else {
            throw Failure(description: "\(tool) \(arguments.joined(separator: " ")): \(result.standardError)")
        }
        return result.standardOutput
    }

    /// Starts a client that has an image open, and waits until the cluster knows it. The client ends when its input
    /// ends.
    public static func openClient(of spec: String) async throws -> RunningProcess {
        let client = try RunningProcess(tool("rbd"), ["--conf", configFile, "watch", spec], holdsInput: true)
        while try await !run("rbd", ["status", spec]).contains("watcher=") {
            try await Task.sleep(for: .milliseconds(20))
        }
        return client
    }

    public struct Failure: Error, CustomStringConvertible {
        public var description: String

        public init(description: String) {
            self.description = description
        }
    }
}
