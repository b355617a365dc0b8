// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

import Foundation
import RBDAPI
import RBDService
import TestSupport
import Testing

/// A replica is stopped in the middle of writing data. Another one takes over and completes the operation, and then the
/// first one continues.
@Suite(.tags(.cluster), .enabled(if: TestCluster.isAvailable), .timeLimit(.minutes(5)))
struct StoppedReplicaTests {
    /// The objects are so small that little data has thousands of them. They are written one at a time, which takes
    /// seconds.
    private static let properties = #"{"size":"8MiB","objectSize":"4KiB","features":["layering"]}"#

    /// Data that was written after the rollback had ended stays.
    @Test func aRollbackThatGoesOnDestroysNothing() async throws {
        try await withTwo { stopped, other, pool in
            let image = "/v1/pools/\(pool)/images/v"
            #expect(try await other.put(image, Self.properties).status == 201)
            try await Self.fill("\(pool)/v", with: 0x11)
            #expect(try await other.post("\(image)/snapshots", #"{"name":"s"}"#).status == 201)
            try await Self.fill("\(pool)/v", with: 0x22)

            let begun = try await stopped.server.post("\(image)/snapshots/s/rollback?confirm=s", "{}")
            let operation = try begun.decoded(as: RBDAPI.Operation.self)
            try await Self.stop(stopped, inTheMiddleOf: operation, other)
            let done = try await Self.end(of: operation, other)
            #expect(done.state == .succeeded, "\(done)")
            #expect(done.attempts > 1)

            try await Self.fill("\(pool)/v", with: 0x33)
            let written = try await Self.content(of: "\(pool)/v")
            stopped.process.signal(SIGCONT)
            try await Task.sleep(for: .seconds(4))
            #expect(try await Self.content(of: "\(pool)/v") == written)
            let after = try await other.get("/v1/operations/\(operation.id)").decoded(as: RBDAPI.Operation.self)
            #expect(after.state == .succeeded)
            #expect(after.attempts == done.attempts)
        }
    }

    /// No object of the first copy is left, and the second copy is whole.
    @Test func aCopyThatGoesOnLeavesNothing() async throws {
        try await withTwo { stopped, other, pool in
            let image = "/v1/pools/\(pool)/images/v"
            #expect(try await other.put(image, Self.properties).status == 201)
            try await Self.fill("\(pool)/v", with: 0x11)
            let begun = try await stopped.server.post("\(image)/copy", #"{"name":"copy"}"#)
            let operation = try begun.decoded(as: RBDAPI.Operation.self)
            try await Self.stop(stopped, inTheMiddleOf: operation, other)
            let done = try await Self.end(of: operation, other)
            #expect(done.state == .succeeded, "\(done)")
            stopped.process.signal(SIGCONT)
            try await Task.sleep(for: .seconds(4))
            #expect(try await Self.content(of: "\(pool)/copy") == Self.content(of: "\(pool)/v"))
            let findings = try await TestCluster.audit(pool)
            #expect(findings.isEmpty, "\(findings.joined(separator: "\n"))")
        }
    }

    /// An image that must be kept for a day is kept, even if the replica's own clock is wrong.
    @Test func aClockThatIsAheadPurgesNothing() async throws {
        try await TestCluster.withPool { pool, _ in
            let daemon = try await RunningDaemon.start(
                ["--operation-lease", "3s", "--audit-log", "off"],
                environment: CutOff.environment(ahead: .seconds(26 * 3600))
            )
            defer { daemon.process.signal(SIGKILL) }
            let (images, trash) = ("/v1/pools/\(pool)/images", "/v1/pools/\(pool)/trash")
            var kept: [String] = []
            for (name, delay) in [("day", ""), ("hours", "?delay=25h"), ("moment", "?delay=1s")] {
                let made = try await daemon.server.put("\(images)/\(name)", #"{"size":"4MiB"}"#)
                kept.append(try made.decoded(as: RBDAPI.Image.self).id)
                #expect(try await daemon.server.delete("\(images)/\(name)\(delay)").status == 200)
            }
            // The replica does purge the trash: expired entries are removed.
            while try await daemon.server.get("\(trash)/\(kept[2])").status == 200 {
                try await Task.sleep(for: .milliseconds(200))
            }
            try await Task.sleep(for: .seconds(3))
            for id in kept.prefix(2) { #expect(try await daemon.server.get("\(trash)/\(id)").status == 200) }
            // It does not purge the others either when a request purges all expired entries.
            #expect(try await daemon.server.delete("\(trash)?expired=true").status < 300)
            try await Task.sleep(for: .seconds(1))
            for id in kept.prefix(2) { #expect(try await daemon.server.get("\(trash)/\(id)").status == 200) }
        }
    }

    // MARK: Parts

    private func withTwo(
        _ body: @escaping @Sendable (_ stopped: RunningDaemon, _ other: TestServer, _ pool: String) async throws -> Void
    ) async throws {
        try await TestServer.withCluster(change: { $0.operationLease = .seconds(3) }) { other in
            try await TestCluster.withPool { pool, _ in
                let stopped = try await RunningDaemon.start([
                    "--operation-lease", "3s", "--audit-log", "off", "--ceph-args", "--rbd_concurrent_management_ops 1",
                ])
                defer { stopped.process.signal(SIGKILL) }
                try await body(stopped, other, pool)
            }
        }
    }

    private static func stop(
        _ daemon: RunningDaemon,
        inTheMiddleOf operation: RBDAPI.Operation,
        _ other: TestServer
    ) async throws {
        while true {
            let now = try await other.get("/v1/operations/\(operation.id)").decoded(as: RBDAPI.Operation.self)
            try #require(!now.state.isFinished, "the operation ended before the test could stop the replica: \(now)")
            if now.percent > 5 { break }
        }
        daemon.process.signal(SIGSTOP)
    }

    private static func end(of operation: RBDAPI.Operation, _ server: TestServer) async throws -> RBDAPI.Operation {
        while true {
            let now = try await server.get("/v1/operations/\(operation.id)?wait=10s").decoded(as: RBDAPI.Operation.self)
            if now.state.isFinished { return now }
        }
    }

    private static func fill(_ spec: String, with byte: UInt8) async throws {
        let file = FileManager.default.temporaryDirectory.appendingPathComponent("\(UUID()).diff")
        defer { try? FileManager.default.removeItem(at: file) }
        // The form of `rbd export-diff`: a range of data, and the end.
        var diff = Data("rbd diff v1\n".utf8)
        let size = 8 << 20
        diff += Data("s".utf8) + integer(size) + Data("w".utf8) + integer(0) + integer(size)
        diff += Data(repeating: byte, count: size) + Data("e".utf8)
        try diff.write(to: file)
        try await TestCluster.run("rbd", ["import-diff", "--no-progress", file.path, spec])
    }

    private static func integer(_ value: Int) -> Data {
        withUnsafeBytes(of: UInt64(value).littleEndian) { Data($0) }
    }

    private static func content(of spec: String) async throws -> Data {
        let file = FileManager.default.temporaryDirectory.appendingPathComponent("\(UUID()).content")
        defer { try? FileManager.default.removeItem(at: file) }
        try await TestCluster.run("rbd", ["export", "--no-progress", spec, file.path])
        return try Data(contentsOf: file)
    }
}
