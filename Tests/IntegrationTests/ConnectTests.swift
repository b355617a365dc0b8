// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

import Ceph
import Foundation
import RBDAPI
import TestSupport
import Testing

/// Every way to find a cluster and to authenticate there.
@Suite(.tags(.cluster), .enabled(if: TestCluster.isAvailable), .timeLimit(.minutes(5)))
struct ConnectTests {
    private static let timeouts = ClusterConfiguration.Timeouts(connect: 30, monitor: 30, osd: 30)

    /// Runs the body with a configuration file that names no cluster, and with the monitors' addresses and a keyring to
    /// give in another way.
    private func withBareFile<Value>(
        _ body: (_ file: String, _ monHost: String, _ keyring: String) async throws -> Value
    ) async throws -> Value {
        func value(of option: String) async throws -> String {
            try await TestCluster.run("ceph-conf", ["--show-config-value", option])
                .trimmingCharacters(in: .whitespacesAndNewlines)
        }
        let monHost = try await value(of: "mon_host")
        let keyring = try await TestCluster.run(
            "ceph-conf",
            ["--name", "client.admin", "--show-config-value", "keyring"]
        )
        .trimmingCharacters(in: .whitespacesAndNewlines)
        let file = FileManager.default.temporaryDirectory.appendingPathComponent("\(UUID()).conf").path
        try "[global]\n".write(toFile: file, atomically: true, encoding: .utf8)
        defer { try? FileManager.default.removeItem(atPath: file) }
        return try await body(file, monHost, keyring)
    }

    private func fsid() async throws -> String {
        try await TestCluster.run("ceph", ["fsid"]).trimmingCharacters(in: .whitespacesAndNewlines)
    }

    @Test func byTheFileThatTheEnvironmentNames() async throws {
        // CEPH_CONF is set for all tests.
        let cluster = try await Cluster.connect(ClusterConfiguration(timeouts: Self.timeouts))
        #expect(try await cluster.fsid == fsid())
        #expect(cluster.entity == "client.admin")
    }

    @Test func byAnExplicitFile() async throws {
        let configuration = ClusterConfiguration(configFile: TestCluster.configFile, timeouts: Self.timeouts)
        #expect(try await Cluster.connect(configuration).fsid == fsid())
    }

    @Test func byArgumentsAlone() async throws {
        try await withBareFile { file, monHost, keyring in
            let arguments = ["--conf", file, "--id", "admin", "--mon-host", monHost, "--keyring", keyring]
            let configuration = ClusterConfiguration(arguments: arguments, timeouts: Self.timeouts)
            let cluster = try await Cluster.connect(configuration)
            #expect(try await cluster.fsid == fsid())
        }
    }

    @Test func byOptionsAlone() async throws {
        try await withBareFile { file, monHost, keyring in
            let configuration = ClusterConfiguration(
                configFile: file,
                user: "admin",
                keyring: keyring,
                options: ["mon_host": monHost],
                timeouts: Self.timeouts
            )
            let cluster = try await Cluster.connect(configuration)
            #expect(try await cluster.fsid == fsid())
        }
    }

    @Test func asAnotherUserWithAKeyringOfItsOwn() async throws {
        let user = TestCluster.uniqueName("client.user")
        let keyring = FileManager.default.temporaryDirectory.appendingPathComponent("\(UUID()).keyring").path
        try await TestCluster.run(
            "ceph",
            ["auth", "get-or-create", user, "mon", "profile rbd", "osd", "profile rbd", "-o", keyring]
        )
        defer { try? FileManager.default.removeItem(atPath: keyring) }
        let cluster = try await Cluster.connect(
            ClusterConfiguration(
                configFile: TestCluster.configFile,
                user: user,
                keyring: keyring,
                timeouts: Self.timeouts
            )
        )
        #expect(cluster.entity == user)
        #expect(try await cluster.pools().isEmpty == false)
        // This user may use images, but not create pools.
        let error = await #expect(throws: CephError.self) {
            try await cluster.createPool(named: TestCluster.uniqueName())
        }
        #expect(error?.code == .credentialsRefused)
        try await TestCluster.run("ceph", ["auth", "del", user])
    }

    @Test func aWrongKeyIsRefused() async throws {
        let keyring = FileManager.default.temporaryDirectory.appendingPathComponent("\(UUID()).keyring").path
        _ = try await Subprocess.run(
            "/usr/bin/ceph-authtool",
            ["--create-keyring", keyring, "--gen-key", "-n", "client.admin"]
        )
        defer { try? FileManager.default.removeItem(atPath: keyring) }
        let error = await #expect(throws: CephError.self) {
            try await Cluster.connect(
                ClusterConfiguration(configFile: TestCluster.configFile, keyring: keyring, timeouts: Self.timeouts)
            )
        }
        #expect(error?.code == .credentialsRefused)
    }

    /// A key of the type `aes256k`, as clusters of 19.2.6 and 20.2.4 make it. librados 16.2.15 can't read it.
    @Test func aKeyThatLibradosCannotReadIsSaid() async throws {
        let keyring = FileManager.default.temporaryDirectory.appendingPathComponent("\(UUID()).keyring").path
        defer { try? FileManager.default.removeItem(atPath: keyring) }
        // The key's type, creation time and length.
        let key = Data([2, 0] + Array(repeating: 0, count: 8) + [32, 0] + Array(repeating: 1, count: 32))
        try "[client.admin]\n\tkey = \(key.base64EncodedString())\n".write(
            toFile: keyring,
            atomically: true,
            encoding: .utf8
        )
        let configuration = ClusterConfiguration(
            configFile: TestCluster.configFile,
            keyring: keyring,
            timeouts: Self.timeouts
        )
        let error = await #expect(throws: CephError.self) { try await Cluster.connect(configuration) }
        // A librados that knows the type sends the key, and is refused.
        #expect([.keyUnsupported, .credentialsRefused].contains(error?.code), "\(String(describing: error))")
        if error?.code == .keyUnsupported { #expect(error?.description.contains("aes256k") == true) }
    }

    /// Answers and /readyz say how to solve a missing connection.
    @Test func whatMendsAMissingConnectionIsSaid() async throws {
        var configuration = try await TestCluster.configuration
        configuration.keyring = "/nonexistent/keyring"
        try await TestServer.run(cluster: configuration) { server in
            var problem = try await server.get("/readyz").problem
            while problem.hint == nil {
                try await Task.sleep(for: .milliseconds(50))
                problem = try await server.get("/readyz").problem
            }
            #expect(problem.hint?.contains("ceph-keyring") == true, "\(problem)")
            let answer = try await server.get("/v1/pools").problem
            #expect(answer.code == "cluster-unavailable")
            #expect(answer.detail.contains("keyring"))
            #expect(answer.hint == problem.hint)
        }
    }

    @Test func theReleaseOfLibradosIsTold() async throws {
        // This is the release of the machine's librados, whatever the cluster's release is.
        let told = try await Subprocess.run("/usr/bin/ceph", ["--version"]).standardOutput
        #expect(told.hasPrefix("ceph version \(Cluster.libradosVersion) "), "\(told)")
    }

    @Test func aMissingKeyringIsSaid() async throws {
        let error = await #expect(throws: CephError.self) {
            try await Cluster.connect(
                ClusterConfiguration(
                    configFile: TestCluster.configFile,
                    keyring: "/nonexistent/keyring",
                    timeouts: Self.timeouts
                )
            )
        }
        #expect(error?.code == .keyringNotFound)
    }

    @Test func noMonitorIsSaidWithinTheTimeout() async throws {
        let error = await #expect(throws: CephError.self) {
            try await Cluster.connect(
                ClusterConfiguration(
                    configFile: TestCluster.configFile,
                    options: ["mon_host": "127.0.0.1:1"],
                    timeouts: .init(connect: 2, monitor: 2, osd: 2)
                )
            )
        }
        #expect(error?.code == .clusterUnreachable)
    }

    @Test func stateTellsWhatCephTells() async throws {
        let cluster = try await TestCluster.connect()
        let state = try await cluster.state()
        #expect(try await TestCluster.run("ceph", ["--version"]).contains(try #require(state.version)))
        #expect(state.health.hasPrefix("HEALTH_"))
        #expect(state.totalBytes > 0)
        #expect(state.usedBytes + state.availableBytes <= state.totalBytes)
        try await cluster.probeMonitors(through: BlockingPool())
    }
}
