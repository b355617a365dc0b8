// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

import Ceph
import Foundation
import RBDAPI
import RBDService
import TestSupport
import Testing

/// Long rollbacks: nothing may leave the image in a mixed state.
@Suite(.tags(.cluster), .enabled(if: TestCluster.isAvailable), .timeLimit(.minutes(5)))
struct RollbackTests {
    private func operation(_ server: TestServer, _ id: String) async throws -> RBDAPI.Operation {
        try await server.get("/v1/operations/\(id)").decoded()
    }

    /// Creates an image that is empty at the snapshot `base` and has data everywhere now.
    private func makeImage(_ spec: String, size: String) async throws {
        for command in [
            "create --size \(size) --image-feature layering --image-feature exclusive-lock \(spec)",
            "snap create \(spec)@base",
            "bench --io-type write --io-size 4K --io-total 256K --io-pattern rand \(spec)",
        ] {
            try await TestCluster.run("rbd", command.split(separator: " ").map(String.init))
        }
    }

    @Test func anotherReplicaFinishesWhatAKilledOneBegan() async throws {
        try await TestCluster.withPool { pool, _ in
            let daemon = try await RunningDaemon.start(["--operation-lease", "4s"])
            try await TestServer.withCluster(change: { $0.operationLease = .seconds(4) }) { other in
                let spec = "\(pool)/big"
                try await makeImage(spec, size: "256G")
                let snapshot = "/v1/pools/\(pool)/images/big/snapshots/base"
                let begun = try await daemon.server.send("POST", "\(snapshot)/rollback?confirm=base")
                #expect(begun.status == 202, "\(begun.text)")
                let id = try begun.decoded(as: RBDAPI.Operation.self).id
                var owner = try await operation(other, id)
                while owner.percent < 2 {
                    try await Task.sleep(for: .milliseconds(50))
                    owner = try await operation(other, id)
                }
                #expect(owner.attempts == 1)
                #expect(owner.state == .running)
                // At once: on a busy machine, the rollback may take no longer than the requests below.
                daemon.process.signal(SIGKILL)
                _ = await daemon.process.finish()

                // The rollback can't be cancelled, is found by a repeated request, and prevents changes of its snapshot
                // and its image.
                let cancelled = try await other.delete("/v1/operations/\(id)").problem
                #expect(cancelled.status == 409)
                #expect(cancelled.code == "operation-not-cancellable")
                #expect(cancelled.hint?.contains("wait=") == true)
                let again = try await other.send("POST", "\(snapshot)/rollback?confirm=base")
                #expect(try again.decoded(as: RBDAPI.Operation.self).id == id)
                let removed = try await other.delete(snapshot).problem
                #expect(removed.code == "operation-in-progress")
                #expect(removed.hint?.contains("cancels") == false)
                let sparsified = try await other.post("/v1/pools/\(pool)/images/big/sparsify", "").problem
                #expect(sparsified.code == "operation-in-progress")

                while try await !operation(other, id).state.isFinished { try await Task.sleep(for: .milliseconds(200)) }
                let last = try await operation(other, id)
                #expect(last.state == .succeeded, "\(last)")
                #expect(last.attempts > 1)
                #expect(try await TestCluster.run("rbd", ["diff", spec]).isEmpty)
                #expect(try await other.delete(snapshot).status == 204)
            }
        }
    }

    /// A client may have opened the image between the request and the rollback.
    @Test func whoHasTheImageOpenIsLookedForAgainWhenTheWorkBegins() async throws {
        let threads = BlockingPool(limits: .init(threads: 2, queue: 16, replacements: 2))
        try await TestCluster.withPool { name, cluster in
            let spec = "\(name)/vol-1"
            try await makeImage(spec, size: "64M")
            let pool = cluster.pool(name)
            let image = try await pool.image(named: "vol-1")
            let snapshot = try #require(try await pool.snapshots(ofImage: "vol-1").first)
            func rollBack(_ call: LongCall, toID id: UInt64? = nil) async throws {
                try await pool.rollBackImage(
                    named: "vol-1",
                    id: image.id,
                    toSnapshot: "base",
                    snapshotID: id ?? snapshot.id,
                    call: call,
                    on: threads
                )
            }
            let client = try await TestCluster.openClient(of: spec)
            let busy = await #expect(throws: CephError.self) { try await rollBack(LongCall()) }
            #expect(busy?.code == .imageBusy)
            #expect(busy?.resource == pool.resource(ofImage: "vol-1"))
            try client.endInput()
            _ = await client.finish()
            // The watch of a client that has ended disappears a moment later.
            while try await !pool.use(ofImage: "vol-1").watchers.isEmpty {
                try await Task.sleep(for: .milliseconds(100))
            }

            try await TestCluster.run("rbd", ["lock", "add", spec, "backup"])
            let locked = await #expect(throws: CephError.self) { try await rollBack(LongCall()) }
            #expect(locked?.code == .imageBusy)
            #expect(locked?.detail?.contains("backup") == true)
            let lock = try #require(try await pool.use(ofImage: "vol-1").locks.first)
            try await TestCluster.run("rbd", ["lock", "rm", spec, "backup", lock.client])

            let missing = await #expect(throws: CephError.self) { try await rollBack(LongCall(), toID: 9999) }
            #expect(missing?.code == .snapshotNotFound)
            let stopped = LongCall()
            stopped.stop()
            let early = await #expect(throws: CephError.self) { try await rollBack(stopped) }
            #expect(early?.code == .stopped)
            #expect(try await !TestCluster.run("rbd", ["diff", spec]).isEmpty)

            // The snapshot is found by its id, whatever its name is by then.
            try await TestCluster.run("rbd", ["snap", "rename", "\(spec)@base", "\(spec)@renamed"])
            let call = LongCall()
            try await rollBack(call)
            #expect(call.fraction > 0)
            #expect(try await TestCluster.run("rbd", ["diff", spec]).isEmpty)
        }
        threads.shutdown()
    }
}
