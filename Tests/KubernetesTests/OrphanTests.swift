// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

import Foundation
import TestSupport
import Testing

extension KubernetesTests {
    /// Images of volumes that the API server has not stored.
    @Suite struct OrphanTests {
        /// `kubectl create` of a name that exists, with another handle: the API server asks webhooks before it notices.
        private func createAgain(_ volume: ClaimedVolume, handle: String) async throws {
            let text = volume.volume.replacing(
                #""volumeHandle":"\#(volume.name)""#,
                with: #""volumeHandle":"\#(handle)""#
            )
            let file = FileManager.default.temporaryDirectory.appendingPathComponent("\(UUID()).json").path
            defer { try? FileManager.default.removeItem(atPath: file) }
            try Data(text.utf8).write(to: URL(fileURLWithPath: file))
            let created = try await APIServer.kubectl("create", "-f", file)
            #expect(created.status != 0)
            #expect(created.standardError.contains("AlreadyExists"), "\(created.standardError)")
            #expect(try await images(volume.pool).contains(handle))
        }

        private func images(_ pool: String) async throws -> Set<String> {
            Set(try await TestCluster.run("rbd", ["ls", pool]).split(separator: "\n").map(String.init))
        }

        private func marks(_ pool: String) async throws -> Set<String> {
            let keys = try await TestCluster.run("rados", ["-p", pool, "listomapkeys", "rbd_rest_api.operations"])
            return Set(keys.split(separator: "\n").map(String.init).filter { $0.hasPrefix("reviewed./") })
        }

        private func wait(
            _ what: String,
            within seconds: Double,
            until isSo: () async throws -> Bool
        ) async throws {
            let end = ContinuousClock.now + .seconds(seconds)
            while try await !isSo() {
                try #require(ContinuousClock.now < end, "\(what)")
                try await Task.sleep(for: .milliseconds(500))
            }
        }

        @Test(arguments: Rehearsal.isLong ? ["trash", "report"] : ["trash"])
        func anImageWhoseVolumeWasNotStoredIsFound(handling: String) async throws {
            let options = ["--kubernetes-orphans", handling, "--kubernetes-orphan-age", "1m"]
            try await Replicas.serving(try await ControllerAccount.options() + options) { replicas, pool, fsid in
                _ = try await replicas.leader()
                let volume = ClaimedVolume(name: TestCluster.uniqueName("stored"), pool: pool, fsid: fsid)
                try await volume.bind()
                // The leader sees that this volume was stored. So it also watches from now on.
                try await wait("the mark of a stored volume stays", within: 60) { try await marks(pool).isEmpty }

                let (unused, used) = (TestCluster.uniqueName("unused"), TestCluster.uniqueName("used"))
                for handle in [unused, used] { try await createAgain(volume, handle: handle) }
                #expect(try await marks(pool) == ["reviewed./\(unused)", "reviewed./\(used)"])
                try await TestCluster.run("rbd", ["snap", "create", "--no-progress", "\(pool)/\(used)@s"])
                let id = try await TestCluster.imageID("\(pool)/\(unused)")

                func count(_ state: String) async throws -> Double {
                    try await replicas.values("rbd_rest_api_kubernetes_orphaned_images", ["state": state])
                        .reduce(0, +)
                }
                try await wait("the used image is not reported", within: 240) { try await count("doubtful") == 1 }
                if handling == "trash" {
                    try await wait("the unused image stays", within: 60) { try await !images(pool).contains(unused) }
                    // It can be restored, and stays then.
                    try await TestCluster.run("rbd", ["trash", "restore", "\(pool)/\(id)"])
                    #expect(try await marks(pool) == ["reviewed./\(used)"])
                } else {
                    try await wait("the unused image is not reported", within: 60) { try await count("unused") == 1 }
                }
                #expect(try await images(pool).isSuperset(of: [volume.name, unused, used]))

                // A volume for the image ends the report.
                let late = ClaimedVolume(name: used, pool: pool, fsid: fsid)
                try await late.bind()
                try await wait("the image of a volume is reported", within: 60) { try await count("doubtful") == 0 }
                try await late.remove()
                try await volume.remove()
            }
        }
    }
}
