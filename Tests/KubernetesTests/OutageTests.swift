// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

import Foundation
import TestSupport
import Testing

extension KubernetesTests {
    /// Suspended Ceph daemons, and killed daemons of the service.
    @Suite struct OutageTests {
        /// The service answers each review before the API server gives up. The same apply succeeds afterwards.
        @Test(arguments: [["osd.0"], ["mon"]] + (Rehearsal.isLong ? [["osd.0", "mon", "mgr"]] : []))
        func aFrozenClusterIsToldInTime(daemons: [String]) async throws {
            let ceph = try CephDaemons(daemons)
            try await Replicas.serving { replicas, pool, fsid in
                let label = TestCluster.uniqueName("frozen")
                let volumes = (0..<6).map { number in
                    var volume = TestVolume(pool: pool, fsid: fsid, image: "\(label)-\(number)")
                    volume.labels = ["test": label]
                    return volume
                }
                try await ceph.frozen {
                    // The first reviews notice the outage, the later ones are refused at once. The last two go to a
                    // daemon that has never reached the cluster.
                    for pair in stride(from: 0, to: 6, by: 2) {
                        if pair == 4 {
                            for number in 0..<Replicas.count {
                                await replicas.stop(number, by: SIGKILL)
                                try await replicas.start(number, waitsForCluster: false)
                            }
                        }
                        try await withThrowingTaskGroup(of: Void.self) { group in
                            for volume in volumes[pair..<pair + 2] {
                                group.addTask {
                                    let result = try await APIServer.apply([volume])
                                    // If only the monitors are suspended, known pools still work.
                                    if result.status == 0, !daemons.contains("osd.0") { return }
                                    #expect(result.status != 0)
                                    #expect(
                                        result.standardError.contains("denied the request: "),
                                        "\(result.standardError)"
                                    )
                                    #expect(!result.standardError.contains("deadline exceeded"))
                                }
                            }
                            try await group.waitForAll()
                        }
                    }
                }
                try await applyUntilAllowed(volumes)
                for volume in volumes { try await expectExact(volume) }
                try await expectNoStrays(in: pool, images: volumes.count)
                try await WebhookTests.deleteVolumes(labelled: label)
            }
        }

        /// If a daemon dies before it has answered a review, the next try repairs whatever is left.
        @Test func aKilledDaemonsReviewIsMadeGoodByTheNextTry() async throws {
            let ceph = try CephDaemons(["osd.0"])
            try await Replicas.serving { replicas, pool, fsid in
                var volume = TestVolume(pool: pool, fsid: fsid, image: TestCluster.uniqueName("killed"))
                volume.labels = ["test": volume.image]
                try await ceph.frozen {
                    let result = try await APIServer.applying(volume) {
                        let end = ContinuousClock.now + .seconds(8)
                        while try await replicas.requestsInFlight() == 0 {
                            try #require(ContinuousClock.now < end, "the service got no review")
                            try await Task.sleep(for: .milliseconds(20))
                        }
                        for number in 0..<Replicas.count { await replicas.stop(number, by: SIGKILL) }
                    }
                    #expect(result.status != 0)
                    #expect(result.standardError.contains("failed calling webhook"), "\(result.standardError)")
                }
                for number in 0..<Replicas.count { try await replicas.start(number) }
                try await applyUntilAllowed([volume])
                try await expectExact(volume)
                try await expectNoStrays(in: pool, images: 1)
                try await WebhookTests.deleteVolumes(labelled: volume.image)
            }
        }

        /// Daemons are killed at random moments, again and again, while volumes are created.
        @Test func daemonsThatDieAgainAndAgainLeaveExactImages() async throws {
            try await Replicas.serving { replicas, pool, fsid in
                let label = TestCluster.uniqueName("chaos")
                let volumes = (0..<40).map { number in
                    var volume = TestVolume(pool: pool, fsid: fsid, image: "\(label)-\(number)")
                    volume.labels = ["test": label]
                    // librbd adds the last feature to the others by itself.
                    volume.features = "layering,exclusive-lock,object-map,fast-diff"
                    return volume
                }
                try await withThrowingTaskGroup(of: Void.self) { group in
                    group.addTask {
                        for turn in 0..<12 {
                            try await Task.sleep(for: .milliseconds(.random(in: 100...600)))
                            await replicas.stop(turn % Replicas.count, by: SIGKILL)
                            try await replicas.start(turn % Replicas.count)
                        }
                    }
                    for worker in 0..<4 {
                        group.addTask {
                            for volume in volumes[(worker * 10)..<(worker * 10 + 10)] {
                                try await self.applyUntilAllowed([volume])
                            }
                        }
                    }
                    try await group.waitForAll()
                }
                for volume in volumes {
                    try await expectExact(volume, ["layering", "exclusive-lock", "object-map", "fast-diff"])
                }
                try await expectNoStrays(in: pool, images: volumes.count)
                try await WebhookTests.deleteVolumes(labelled: label)
            }
        }

        /// Applies the volumes until they are allowed, as a user would after an outage.
        private func applyUntilAllowed(_ volumes: [TestVolume], within seconds: Double = 90) async throws {
            let end = ContinuousClock.now + .seconds(seconds)
            while true {
                let result = try await APIServer.apply(volumes)
                if result.status == 0 { return }
                try #require(ContinuousClock.now < end, "\(result.standardError)")
                try await Task.sleep(for: .milliseconds(500))
            }
        }

        private func expectExact(_ volume: TestVolume, _ features: [String] = ["layering"]) async throws {
            let image = try await RBDInfo.read("\(volume.pool)/\(volume.image)")
            #expect(image.size == 1 << 30)
            #expect(image.features == features)
            #expect(image.flags == [])
        }

        /// There are as many headers as names: nothing is half-made, and nothing exists twice.
        private func expectNoStrays(in pool: String, images: Int) async throws {
            let objects = try await TestCluster.run("rados", ["-p", pool, "ls"]).split(separator: "\n")
            #expect(objects.filter { $0.hasPrefix("rbd_id.") }.count == images)
            #expect(objects.filter { $0.hasPrefix("rbd_header.") }.count == images)
            #expect(try await TestCluster.run("rbd", ["ls", pool]).split(separator: "\n").count == images)
        }
    }
}
