// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

import Ceph
import Foundation
import RBDAPI
import RBDService
import TestSupport
import Testing

/// Faults that do not disturb the other tests on the same cluster. `dev/chaos` rehearses faults that stop Ceph's
/// daemons.
@Suite(.tags(.cluster), .enabled(if: TestCluster.isAvailable))
struct FaultTests {
    private let size = #"{"size":"1GiB"}"#

    @Test func aBlocklistedClientConnectsAnew() async throws {
        let cluster = try await Cluster.connect(try await TestCluster.configuration)
        let pool = BlockingPool()
        let address = cluster.address
        #expect(address.contains("127.0.0.1"))
        #expect(!cluster.isShutOut)
        try await TestCluster.withPool { name, _ in
            _ = try await cluster.pool(name).createImage(named: "one", sizeBytes: 1 << 20)
            let entity = address.split(separator: " ").last.map(String.init) ?? address
            try await TestCluster.blocklist("add", entity)
            while !cluster.isShutOut {
                do {
                    _ = try await cluster.pool(name).image(named: "one")
                } catch let error as CephError {
                    #expect(error.code == .clientBlocklisted)
                }
            }
        }
        pool.shutdown()
    }

    @Test func aChangedKeyringLeadsToANewConnection() async throws {
        let folder = FileManager.default.temporaryDirectory.appendingPathComponent("\(UUID())")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: folder) }
        let keyring = folder.appendingPathComponent("keyring")
        let entity = "client.\(TestCluster.uniqueName())"
        let caps = ["mon", "profile rbd", "osd", "profile rbd"]
        let first = try await TestCluster.run("ceph", ["auth", "get-or-create", entity] + caps)
        try first.write(to: keyring, atomically: true, encoding: .utf8)
        var configuration = try await TestCluster.configuration
        configuration.user = entity
        configuration.keyring = keyring.path
        let cluster = try await Cluster.connect(configuration)
        #expect(!cluster.hasChangedFiles)
        // The user gets a new key, and the file follows, like a mounted Secret.
        try await TestCluster.run("ceph", ["auth", "rm", entity])
        let second = try await TestCluster.run("ceph", ["auth", "get-or-create", entity] + caps)
        #expect(first != second)
        try second.write(to: keyring, atomically: true, encoding: .utf8)
        #expect(cluster.hasChangedFiles)
        let anew = try await Cluster.connect(configuration)
        #expect(!anew.hasChangedFiles)
        try await TestCluster.run("ceph", ["auth", "rm", entity])
    }

    /// The number of connections that the service has made.
    private func generation(_ server: TestServer) async throws -> String? {
        try await server.get("/metrics").text.split(separator: "\n")
            .first { $0.hasPrefix("rbd_rest_api_connection_generation ") }
            .map { String($0.split(separator: " ")[1]) }
    }

    /// The monitor has two addresses, one for each version of the protocol. It moves from one to the other.
    @Test(.timeLimit(.minutes(1)))
    func theServiceFollowsMonitorsThatMoved() async throws {
        let original = try String(contentsOfFile: TestCluster.configFile, encoding: .utf8)
        let line = try #require(original.split(separator: "\n").first { $0.hasPrefix("mon host = ") })
        let addresses = line.matches(of: #/v[12]:[0-9.]+:[0-9]+/#).map { String($0.0) }
        try #require(addresses.count == 2)
        let file = FileManager.default.temporaryDirectory.appendingPathComponent("\(UUID()).conf")
        defer { try? FileManager.default.removeItem(at: file) }
        @Sendable func write(_ address: String) throws {
            try original.replacing(line, with: "mon host = [\(address)]")
                .write(to: file, atomically: true, encoding: .utf8)
        }
        try write(addresses[0])
        let change: @Sendable (inout ServiceConfiguration) -> Void = { configuration in
            configuration.cluster.configFile = file.path
            configuration.probeInterval = .seconds(1)
        }
        try await TestServer.withCluster(change: change) { server in
            #expect(try await generation(server) == "1")
            try write(addresses[1])
            while try await generation(server) != "2" { try await Task.sleep(for: .milliseconds(50)) }
            #expect(try await server.get("/v1/pools").status == 200)
        }
    }

    @Test(.timeLimit(.minutes(1)))
    func theServiceFollowsAChangedKeyring() async throws {
        let keyring = FileManager.default.temporaryDirectory.appendingPathComponent("\(UUID()).keyring")
        defer { try? FileManager.default.removeItem(at: keyring) }
        let key = try await TestCluster.run("ceph", ["auth", "get", TestCluster.serviceUser])
        try key.write(to: keyring, atomically: true, encoding: .utf8)
        let change: @Sendable (inout ServiceConfiguration) -> Void = { configuration in
            configuration.cluster.keyring = keyring.path
            configuration.probeInterval = .seconds(1)
        }
        try await TestServer.withCluster(change: change) { server in
            #expect(try await generation(server) == "1")
            // The key can't be used, but the existing connection continues to serve.
            try "[\(TestCluster.serviceUser)]\n\tkey = rubbish\n".write(to: keyring, atomically: true, encoding: .utf8)
            try await Task.sleep(for: .seconds(2))
            #expect(try await server.get("/v1/pools").status == 200)
            #expect(try await generation(server) == "1")
            try key.write(to: keyring, atomically: true, encoding: .utf8)
            while try await generation(server) != "2" { try await Task.sleep(for: .milliseconds(50)) }
            #expect(try await server.get("/v1/pools").status == 200)
            #expect(try await server.get("/readyz").status == 200)
        }
    }

    @Test(.timeLimit(.minutes(2)))
    func aFullPoolSaysSoAtOnce() async throws {
        try await TestServer.withCluster { server in
            try await TestCluster.withPool { pool, cluster in
                let images = "/v1/pools/\(pool)/images"
                for name in ["before", "gone"] {
                    #expect(try await server.put("\(images)/\(name)", size).status == 201)
                }
                // The first move to the trash creates this object, unless a newer `rbd pool init` has. Nothing else
                // about a move needs space.
                let hasTrash = try await TestCluster.run("rados", ["-p", pool, "ls"]).split(separator: "\n").contains(
                    "rbd_trash"
                )
                try await TestCluster.run("ceph", ["osd", "pool", "set-quota", pool, "max_objects", "1"])
                while try await !cluster.poolInfo(named: pool).flags.contains("full") {
                    try await Task.sleep(for: .milliseconds(100))
                }
                // The OSDs and the service's client learn of the flag a moment after the monitors.
                var answer = try await server.put("\(images)/after-0", size)
                var number = 1
                while answer.status == 201 {
                    answer = try await server.put("\(images)/after-\(number)", size)
                    number += 1
                }
                let deleted = try await server.delete("\(images)/gone")
                if hasTrash { #expect(deleted.status == 200, "\(deleted.text)") }
                let posted = try await server.post(images, #"{"name":"more","size":"1GiB"}"#)
                for answer in [answer, posted] + (hasTrash ? [] : [deleted]) {
                    #expect(answer.status == 507)
                    let problem = try answer.problem
                    #expect(problem.code == "pool-full")
                    #expect(problem.detail.contains("of the 1 objects of its quota"))
                    #expect(problem.hint == "ceph osd pool set-quota \(pool) max_objects 2")
                }
                // Reads are served, and existing images stay whole.
                let listed = try await server.get(images).decoded(as: Page<RBDAPI.Image>.self).items.map(\.name)
                #expect(listed.contains("before"))
                #expect(!listed.contains("more"))
                #expect(try await server.get("\(images)/before").status == 200)
                #expect(try await server.put("\(images)/before", size).status == 200)
                try await TestCluster.run("ceph", ["osd", "pool", "set-quota", pool, "max_objects", "0"])
                while try await server.put("\(images)/again", size).status != 201 {
                    try await Task.sleep(for: .milliseconds(100))
                }
                #expect(try await server.delete("\(images)/before").status == 200)
            }
        }
    }

    @Test func anUnknownPoolIsNoReasonToDistrustThePools() async throws {
        try await TestServer.withCluster { server in
            try await withThrowingTaskGroup(of: Int.self) { group in
                for number in 0..<40 {
                    group.addTask { try await server.get("/v1/pools/no-such-pool-\(number)/images").status }
                }
                for try await status in group { #expect(status == 404) }
            }
        }
    }
}
