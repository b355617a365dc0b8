// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

import Foundation
import TestSupport
import Testing

extension KubernetesTests {
    /// The API server, or Ceph, is away while the controller works.
    @Suite struct ControllerOutageTests {
        private func processes(_ replicas: Replicas) -> [Int32?] { (0..<Replicas.count).map { replicas.process($0) } }

        /// The API server is killed while volumes grow: for a moment, or for longer than a leader may go on without it.
        /// Afterwards it has no old versions, and says so when a watch asks for one (410 as an event).
        @Test(arguments: Rehearsal.isLong ? [0, 20] : [12])
        func aKilledAPIServerDelaysTheWork(seconds: Int) async throws {
            try await RecordingProxy.run { proxy in
                let options = try await ControllerAccount.options(through: proxy)
                try await Replicas.serving(options) { replicas, pool, fsid in
                    _ = try await replicas.leader()
                    let before = processes(replicas)
                    let make = { ClaimedVolume(name: TestCluster.uniqueName($0), pool: pool, fsid: fsid) }
                    try await VolumeGroup.bound(30, make) { group in
                        // The image of one has grown, and nobody will know.
                        let name = try #require(group.volumes.first?.name)
                        let hold = proxy.hold {
                            $0.isForStatus(ofClaim: name) && $0.body.contains("FileSystemResizePending")
                        }
                        try await group.setCapacity("2Gi", of: Array(group.volumes[..<20]))
                        try await hold.waitUntilHeld()
                        try await APIServer.dead {
                            hold.drop()
                            try await Task.sleep(for: .seconds(seconds))
                            // A leader that can't renew its lease stops after ten seconds.
                            let leaders = try await replicas.values("rbd_rest_api_kubernetes_leader")
                            if seconds > 10 { #expect(leaders == [0, 0]) }
                        }
                        try await group.setCapacity("2Gi")
                        _ = try await replicas.leader()
                        try await group.waitForSizes(2 << 30, within: 90)
                        try await group.waitUntilLeftToNodes(within: 60)
                        // None has grown twice, even if its status could not be written at first.
                        #expect(try await replicas.work("grown") <= 30)

                        proxy.expireWatches()
                        try await group.setCapacity("3Gi")
                        try await group.waitForSizes(3 << 30, within: 60)
                        #expect(proxy.events.contains { $0.type == "ERROR" && $0.code == 410 })
                        #expect(try await replicas.work("grown") <= 60)
                    }
                    #expect(processes(replicas) == before)
                }
            }
        }

        /// Ceph is suspended while volumes grow, and one is deleted. An Event says so, and the work goes on by itself.
        @Test(
            arguments: Rehearsal.isLong ? [["osd.0"], ["mon"], ["osd.0", "mon", "mgr"]] : [["osd.0", "mon", "mgr"]]
        )
        func frozenCephDelaysTheWork(daemons: [String]) async throws {
            let ceph = try CephDaemons(daemons)
            let options = try await ControllerAccount.options() + ["--request-timeout", "3"]
            try await Replicas.serving(options) { replicas, pool, fsid in
                let leader = try await replicas.leader()
                let before = processes(replicas)
                var deleted = ClaimedVolume(name: TestCluster.uniqueName("deleted"), pool: pool, fsid: fsid)
                deleted.annotations = ["rbd-rest-api.io/reclaim": "trash"]
                try await deleted.bind()
                try await deleted.waitUntilKnown()
                let make = { ClaimedVolume(name: TestCluster.uniqueName($0), pool: pool, fsid: fsid) }
                try await VolumeGroup.bound(20, make) { group in
                    try await ceph.frozen {
                        try await group.setCapacity("2Gi")
                        try await deleted.delete()
                        try await Task.sleep(for: .seconds(10))
                        if daemons.contains("osd.0") {
                            let told =
                                try await group.events("VolumeResizeFailed").count
                                + group.events("ImageUnreadable").count
                            #expect(told > 0)
                            #expect(try await APIServer.kubectl("get", "pv/\(deleted.name)").status == 0)
                        }
                        // The lease is no matter of Ceph.
                        #expect(try await replicas.leader() == leader)
                    }
                    try await group.waitForSizes(2 << 30, within: 90)
                    try await group.waitUntilLeftToNodes(within: 60)
                    try await deleted.waitUntilGone(within: 90)
                    let trash = try await TestCluster.run("rbd", ["trash", "ls", pool])
                    #expect(trash.split(separator: "\n").count { $0.hasSuffix(deleted.name) } == 1, "\(trash)")
                }
                #expect(processes(replicas) == before)
            }
        }
    }
}
