// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

import Foundation
import TestSupport
import Testing

extension KubernetesTests {
    /// The controller from the view of `kubectl`, with no more rights than the manifests give.
    @Suite struct ControllerTests {
        /// Runs the body while two replicas serve, both with the controller.
        private func controlling(
            _ body: (_ replicas: Replicas, _ volume: (_ prefix: String) -> ClaimedVolume) async throws -> Void
        ) async throws {
            try await Replicas.serving(try await ControllerAccount.options()) { replicas, pool, fsid in
                _ = try await replicas.leader()
                try await body(replicas) { prefix in
                    ClaimedVolume(name: TestCluster.uniqueName(prefix), pool: pool, fsid: fsid)
                }
            }
        }

        private static let allocated = "{.status.allocatedResourceStatuses.storage}"
        private static let conditions = "{.status.conditions[*].type}"

        @Test func anImageGrowsWithItsVolume() async throws {
            try await controlling { _, make in
                let volume = make("grow")
                try await volume.bind()
                #expect(try await RBDInfo.read(volume.spec).size == 1 << 30)
                try await volume.setCapacity("2Gi")
                try await volume.waitForSize(2 << 30, within: 2)
                let claim = "pvc/\(volume.name)"
                try await APIServer.wait(for: "FileSystemResizePending", at: Self.conditions, of: claim)
                #expect(try await APIServer.value("{.status.capacity.storage}", of: claim) == "1Gi")
                // API servers before 1.32 may drop this field.
                #expect(["", "NodeResizePending"].contains(try await APIServer.value(Self.allocated, of: claim)))

                // Nothing shrinks, and nothing is done twice.
                try await volume.setCapacity("1536Mi")
                try await Task.sleep(for: .seconds(2))
                #expect(try await RBDInfo.read(volume.spec).size == 2 << 30)
                try await volume.setCapacity("3Gi")
                try await volume.waitForSize(3 << 30, within: 2)
                try await volume.remove()
            }
        }

        @Test func aBlockVolumeHasAllOfItAtOnce() async throws {
            try await controlling { _, make in
                var volume = make("block")
                volume.volumeMode = "Block"
                try await volume.bind()
                try await volume.setCapacity("2Gi")
                let claim = "pvc/\(volume.name)"
                try await APIServer.wait(for: "2Gi", at: "{.status.capacity.storage}", of: claim)
                #expect(try await RBDInfo.read(volume.spec).size == 2 << 30)
                #expect(try await APIServer.value(Self.conditions, of: claim) == "")
                #expect(try await APIServer.value(Self.allocated, of: claim) == "")
                try await volume.remove()
            }
        }

        /// The webhook was passed by.
        @Test func aMissingImageIsCreated() async throws {
            try await controlling { _, make in
                var volume = make("missing")
                volume.annotations = ["rbd-rest-api.io/ensure": "false"]
                try await volume.bind()
                try await Task.sleep(for: .seconds(1))
                #expect(try await !TestCluster.run("rbd", ["ls", volume.pool]).contains(volume.name))
                let wanted = try await APIServer.kubectl(
                    "annotate",
                    "--overwrite",
                    "pv/\(volume.name)",
                    "rbd-rest-api.io/ensure=true"
                )
                #expect(wanted.status == 0, "\(wanted.standardError)")
                try await volume.waitForSize(1 << 30, within: 5)

                // An image that was there is not created again.
                try await TestCluster.run("rbd", ["trash", "mv", volume.spec])
                try await volume.setCapacity("2Gi")
                try await Task.sleep(for: .seconds(2))
                #expect(try await !TestCluster.run("rbd", ["ls", volume.pool]).contains(volume.name))
                #expect(try await volume.events("ImageInTrash").contains("rbdctl trash restore"))
                try await volume.remove()
            }
        }

        /// Not even by a leader that has never seen the image.
        @Test func anImageThatIsGoneIsNotReplacedByAnEmptyOne() async throws {
            try await controlling { replicas, make in
                let volume = make("lost")
                try await volume.bind()
                try await APIServer.wait(
                    for: try await TestCluster.imageID(volume.spec),
                    at: "{.metadata.annotations.rbd-rest-api\\.io/image-id}",
                    of: "pv/\(volume.name)"
                )
                let leader = try await replicas.leader()
                await replicas.stop(leader, by: SIGKILL)
                try await TestCluster.run("rbd", ["rm", "--no-progress", volume.spec])
                _ = try await replicas.leader()
                let end = ContinuousClock.now + .seconds(30)
                while try await !volume.events("ImageLost").contains(volume.name) {
                    try #require(ContinuousClock.now < end, "no Event says that the image is gone")
                    try await Task.sleep(for: .milliseconds(200))
                }
                #expect(try await !TestCluster.run("rbd", ["ls", volume.pool]).contains(volume.name))
                try await replicas.start(leader)
                try await volume.remove()
            }
        }

        @Test(arguments: ["Retain", "Delete"])
        func theImageOfADeletedVolumeGoesToTheTrash(policy: String) async throws {
            try await controlling { _, make in
                var volume = make("trash")
                volume.annotations = ["rbd-rest-api.io/reclaim": "trash"]
                volume.reclaimPolicy = policy
                try await volume.bind()
                let id = try await TestCluster.imageID(volume.spec)
                try await APIServer.wait(
                    for: id,
                    at: "{.metadata.annotations.rbd-rest-api\\.io/image-id}",
                    of: "pv/\(volume.name)"
                )
                if policy == "Delete" {
                    // The volume follows its claim.
                    let deleted = try await APIServer.kubectl("delete", "pvc/\(volume.name)", "--wait=false")
                    #expect(deleted.status == 0, "\(deleted.standardError)")
                } else {
                    try await volume.delete()
                }
                try await volume.waitUntilGone()
                #expect(try await !TestCluster.run("rbd", ["ls", volume.pool]).contains(volume.name))
                try await TestCluster.run("rbd", ["trash", "restore", "\(volume.pool)/\(id)"])
                #expect(try await RBDInfo.read(volume.spec).size == 1 << 30)
            }
        }

        @Test func aVolumeInUseStaysUntilItsClientHasEnded() async throws {
            try await controlling { _, make in
                var volume = make("used")
                volume.annotations = ["rbd-rest-api.io/reclaim": "trash"]
                try await volume.bind()
                try await APIServer.wait(
                    for: try await TestCluster.imageID(volume.spec),
                    at: "{.metadata.annotations.rbd-rest-api\\.io/image-id}",
                    of: "pv/\(volume.name)"
                )
                let client = try await TestCluster.openClient(of: volume.spec)
                try await volume.delete()
                let end = ContinuousClock.now + .seconds(30)
                while try await !volume.events("ImageInUse").contains("client.") {
                    try #require(ContinuousClock.now < end, "no Event names the client")
                    try await Task.sleep(for: .milliseconds(200))
                }
                #expect(try await APIServer.kubectl("get", "pv/\(volume.name)").status == 0)
                #expect(try await TestCluster.run("rbd", ["ls", volume.pool]).contains(volume.name))
                try client.endInput()
                _ = await client.finish()
                while try await TestCluster.run("rbd", ["status", volume.spec]).contains("watcher=") {
                    try await Task.sleep(for: .milliseconds(50))
                }
                try await volume.waitUntilGone(within: 5)
            }
        }

        @Test func anImageOfTwoVolumesStays() async throws {
            try await controlling { _, make in
                var volume = make("shared")
                volume.annotations = ["rbd-rest-api.io/reclaim": "trash"]
                try await volume.bind()
                try await APIServer.wait(
                    for: try await TestCluster.imageID(volume.spec),
                    at: "{.metadata.annotations.rbd-rest-api\\.io/image-id}",
                    of: "pv/\(volume.name)"
                )
                var other = TestVolume(pool: volume.pool, fsid: volume.fsid, image: volume.name)
                other.isInTree = true
                let applied = try await APIServer.apply([other])
                #expect(applied.status == 0, "\(applied.standardError)")
                try await volume.delete()
                let end = ContinuousClock.now + .seconds(30)
                while try await !volume.events("ImageShared").contains(other.name) {
                    try #require(ContinuousClock.now < end, "no Event names the other volume")
                    try await Task.sleep(for: .milliseconds(200))
                }
                #expect(try await TestCluster.run("rbd", ["ls", volume.pool]).contains(volume.name))
                _ = try await APIServer.kubectl("delete", "pv/\(other.name)")
                try await volume.waitUntilGone(within: 10)
            }
        }

        /// The leader is stopped for longer than its lease, or killed, while volumes grow.
        @Test(arguments: [SIGSTOP, SIGKILL])
        func anotherReplicaTakesOver(signal: Int32) async throws {
            try await controlling { replicas, make in
                let volumes = (0..<20).map { _ in make("leader") }
                for volume in volumes { try await volume.bind() }
                let leader = try await replicas.leader()
                for volume in volumes[..<10] { try await volume.setCapacity("2Gi") }
                if signal == SIGKILL {
                    await replicas.stop(leader, by: SIGKILL)
                } else {
                    replicas.signal(leader, signal)
                }
                for volume in volumes[10...] { try await volume.setCapacity("2Gi") }
                let next = try await replicas.leader(except: leader)
                #expect(next != leader)
                for volume in volumes { try await volume.waitForSize(2 << 30, within: 30) }
                if signal == SIGKILL {
                    try await replicas.start(leader)
                } else {
                    replicas.signal(leader, SIGCONT)
                }
                for volume in volumes { try await volume.setCapacity("3Gi") }
                for volume in volumes { try await volume.waitForSize(3 << 30, within: 30) }
                for volume in volumes {
                    let claim = "pvc/\(volume.name)"
                    try await APIServer.wait(for: "FileSystemResizePending", at: Self.conditions, of: claim)
                }
                #expect(try await replicas.leader() == next)
                for volume in volumes { try await volume.remove() }
            }
        }
    }
}
