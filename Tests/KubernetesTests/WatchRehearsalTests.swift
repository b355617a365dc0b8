// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

import Foundation
import TestSupport
import Testing

extension KubernetesTests {
    /// What watches may do to a controller.
    @Suite struct WatchRehearsalTests {
        /// Runs the body while both replicas serve, both with the controller, and behind one proxy.
        private func controlling(
            _ body: (_ proxy: RecordingProxy, _ replicas: Replicas, _ make: (_ prefix: String) -> ClaimedVolume)
                async throws -> Void
        ) async throws {
            try await RecordingProxy.run { proxy in
                let options = try await ControllerAccount.options(through: proxy)
                try await Replicas.serving(options) { replicas, pool, fsid in
                    _ = try await replicas.leader()
                    try await body(proxy, replicas) { prefix in
                        ClaimedVolume(name: TestCluster.uniqueName(prefix), pool: pool, fsid: fsid)
                    }
                }
            }
        }

        /// Waits until the leader has nothing to do, and has written nothing for a moment.
        private func waitUntilQuiet(_ proxy: RecordingProxy, within seconds: Double = 30) async throws {
            let end = ContinuousClock.now + .seconds(seconds)
            var count = -1
            while proxy.writes.count != count {
                try #require(ContinuousClock.now < end, "the controller does not come to rest")
                count = proxy.writes.count
                try await Task.sleep(for: .seconds(2))
            }
        }

        /// All that a watch has ever told is told again: in its order, backwards, and twice in no order. That is also
        /// what an API server does that was restored from a backup.
        @Test func aReplayedWatchChangesNothing() async throws {
            try await controlling { proxy, replicas, make in
                try await VolumeGroup.bound(20, make) { group in
                    for size: UInt64 in [2, 3] {
                        try await group.setCapacity("\(size)Gi")
                        try await group.waitForSizes(size << 30, within: 30)
                    }
                    try await group.waitUntilLeftToNodes()
                    try await waitUntilQuiet(proxy)
                    try await expectNothing(of: group, proxy, replicas, pause: .seconds(1))

                    // A volume that is gone must not come back either. The controller then lists the objects again.
                    var gone = make("gone")
                    gone.annotations = ["rbd-rest-api.io/reclaim": "trash"]
                    try await trash(gone)
                    try await waitUntilQuiet(proxy)
                    try await expectNothing(of: group, proxy, replicas, pause: .seconds(3))
                    #expect(try await !TestCluster.run("rbd", ["ls", gone.pool]).contains(gone.name))

                    // It still listens.
                    try await group.setCapacity("4Gi")
                    try await group.waitForSizes(4 << 30, within: 60)
                }
            }
        }

        private func expectNothing(
            of group: VolumeGroup,
            _ proxy: RecordingProxy,
            _ replicas: Replicas,
            pause: Duration
        ) async throws {
            let (writes, grown) = (proxy.writes.count, try await replicas.work("grown"))
            #expect(grown >= 40)
            let orders: [([ProxiedEvent]) -> [ProxiedEvent]] = [
                { $0 }, { $0.reversed() }, { ($0 + $0).shuffled() },
            ]
            for order in orders {
                #expect(await proxy.replay(order) > 100)
                try await Task.sleep(for: pause)
            }
            let more = proxy.writes.dropFirst(writes)
            #expect(more.isEmpty, "\(more)")
            #expect(try await replicas.work("grown") == grown)
            try await group.waitForSizes(3 << 30, within: 1)
        }

        /// Binds a volume, deletes it, and waits until its image is in the trash.
        private func trash(_ volume: ClaimedVolume) async throws {
            try await volume.bind()
            try await volume.waitUntilKnown()
            try await volume.delete()
            try await volume.waitUntilGone(within: 90)
            #expect(try await TestCluster.run("rbd", ["trash", "ls", volume.pool]).contains(volume.name))
        }

        /// Every event comes twice, and events of the same moment in no order, while connections break.
        @Test func disorderAndBrokenConnectionsMakeNoDifference() async throws {
            try await controlling { proxy, replicas, make in
                try await VolumeGroup.bound(20, make) { group in
                    proxy.scramble(true)
                    for size: UInt64 in 2...5 {
                        try await group.setCapacity("\(size)Gi")
                        if size % 2 == 1 { proxy.cut() }
                    }
                    // A watch that is broken begins again after a pause, which becomes longer.
                    try await group.waitForSizes(5 << 30, within: 60)
                    try await group.waitUntilLeftToNodes(within: 60)
                    // Each volume has grown at most as often as it was told to.
                    #expect(try await replicas.work("grown") <= 80)
                    let pool = try #require(group.volumes.first?.pool)
                    #expect(try await TestCluster.imageSizes(in: pool).count == 20)
                    // New and deleted objects in disorder make the controller list the objects again.
                    var gone = make("gone")
                    gone.annotations = ["rbd-rest-api.io/reclaim": "trash"]
                    try await trash(gone)
                    proxy.scramble(false)
                }
            }
        }

        /// The API server forgets the version of a list between two pages (410 as a status).
        @Test func aListThatExpiresIsReadAgain() async throws {
            try await controlling { proxy, replicas, make in
                proxy.setPageSize(2)
                let names = (0..<6).map { _ in TestCluster.uniqueName("page") }
                let manifests = names.map { name in
                    #"{"apiVersion":"v1","kind":"PersistentVolume","metadata":{"name":"\#(name)"},"spec":{"capacity":"#
                        + #"{"storage":"1Gi"},"accessModes":["ReadWriteOnce"],"hostPath":{"path":"/none"}}}"#
                }
                let made = try await APIServer.apply(manifests.joined(separator: "\n"))
                try #require(made.status == 0, "\(made.standardError)")
                let hold = proxy.hold { $0.path == "/api/v1/persistentvolumes" && $0.uri.contains("continue=") }
                let leader = try await replicas.leader()
                await replicas.stop(leader, by: SIGTERM)
                try await hold.waitUntilHeld()
                // The version of the list is no longer the last one, and then it is forgotten.
                let changed = try await APIServer.kubectl("label", "pv/\(names[0])", "seen=yes")
                try #require(changed.status == 0, "\(changed.standardError)")
                try await APIServer.compact()
                #expect(try await hold.forward() == 410)

                let volume = make("listed")
                try await volume.bind()
                try await volume.setCapacity("2Gi")
                try await volume.waitForSize(2 << 30, within: 30)
                try await volume.remove()
                let deleted = try await APIServer.kubectl(["delete", "pv", "--wait=false"] + names)
                #expect(deleted.status == 0, "\(deleted.standardError)")
            }
        }
    }
}
