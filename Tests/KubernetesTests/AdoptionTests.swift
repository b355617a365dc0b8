// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

import Foundation
import RBDAPI
import TestSupport
import Testing

extension KubernetesTests {
    /// Adopted images from the view of the controller.
    @Suite struct AdoptionTests {
        /// Runs the body while two replicas serve, both with the controller.
        private func controlling(
            _ body: (_ server: TestServer, _ pool: String, _ fsid: String) async throws -> Void
        ) async throws {
            try await Replicas.serving(try await ControllerAccount.options()) { replicas, pool, fsid in
                _ = try await replicas.leader()
                try await body(try replicas.server, pool, fsid)
            }
        }

        private func path(_ image: String, in pool: String) -> String { "/v1/pools/\(pool)/images/\(image)/volume" }

        private func adopt(
            _ image: String,
            in pool: String,
            for claim: String,
            isStatic: Bool,
            _ server: TestServer
        ) async throws -> TestServer.Answer {
            let body = #"{"claimNamespace":"default","claimName":"\#(claim)","static":\#(isStatic)}"#
            return try await server.put(path(image, in: pool), body)
        }

        /// It grows and ends as any other static volume, and its adoption ends with it.
        @Test func anImageThatIsAdoptedAsAStaticVolumeIsOne() async throws {
            try await controlling { server, pool, fsid in
                let image = TestCluster.uniqueName("static")
                try await TestCluster.run("rbd", ["create", "--size", "1G", "\(pool)/\(image)"])
                let answer = try await adopt(image, in: pool, for: image, isStatic: true, server)
                try #require(answer.status == 201, "\(answer.text)")
                let objects: KubernetesVolume = try answer.decoded()
                let claim = try #require(objects.persistentVolumeClaim)
                let encoder = JSONEncoder()
                let texts = [try encoder.encode(objects.persistentVolume), try encoder.encode(claim)]
                    .map { String(decoding: $0, as: UTF8.self) }
                let applied = try await APIServer.apply(texts.joined(separator: "\n"))
                try #require(applied.status == 0, "\(applied.standardError)")
                try await APIServer.wait(for: "Bound", at: "{.status.phase}", of: "pvc/\(image)")

                let volume = ClaimedVolume(name: objects.persistentVolume.metadata.name, pool: pool, fsid: fsid)
                try await volume.setCapacity("2Gi")
                let end = ContinuousClock.now + .seconds(10)
                while try await RBDInfo.read("\(pool)/\(image)").size != 2 << 30 {
                    try #require(ContinuousClock.now < end, "the image does not grow")
                    try await Task.sleep(for: .milliseconds(100))
                }

                let patch = #"{"metadata":{"annotations":{"rbd-rest-api.io/reclaim":"trash"}}}"#
                _ = try await APIServer.kubectl("patch", "pv/\(volume.name)", "--type", "merge", "-p", patch)
                try await volume.waitUntilHeld()
                _ = try await APIServer.kubectl("delete", "pvc/\(image)", "--wait=false")
                try await volume.delete()
                try await volume.waitUntilGone()
                #expect(try await TestCluster.run("rbd", ["trash", "ls", pool]).contains(image))

                // The claim is free again.
                try await TestCluster.run("rbd", ["create", "--size", "1G", "\(pool)/\(image)-2"])
                let next = try await adopt("\(image)-2", in: pool, for: image, isStatic: true, server)
                #expect(next.status == 201, "\(next.text)")
            }
        }

        /// Somebody has adopted the image of a static volume.
        @Test func anAdoptedImageStaysUntilItIsReleased() async throws {
            try await controlling { server, pool, fsid in
                var volume = ClaimedVolume(name: TestCluster.uniqueName("adopted"), pool: pool, fsid: fsid)
                volume.annotations = ["rbd-rest-api.io/reclaim": "trash"]
                try await volume.bind()
                try await volume.waitUntilHeld()
                let answer = try await adopt(volume.name, in: pool, for: "other", isStatic: false, server)
                try #require(answer.status == 201, "\(answer.text)")
                try await volume.delete()
                let end = ContinuousClock.now + .seconds(30)
                while try await !volume.events("ImageAdopted").contains("default/other") {
                    try #require(ContinuousClock.now < end, "no Event says who has the image")
                    try await Task.sleep(for: .milliseconds(200))
                }
                #expect(try await TestCluster.run("rbd", ["ls", pool]).contains(volume.name))
                #expect(try await server.delete(path(volume.name, in: pool)).status == 204)
                // By itself, it goes on within a minute. Any event about the volume makes that sooner.
                if !Rehearsal.isLong { _ = try await APIServer.kubectl("label", "pv/\(volume.name)", "seen=yes") }
                try await volume.waitUntilGone(within: Rehearsal.isLong ? 70 : 10)
                #expect(try await TestCluster.run("rbd", ["trash", "ls", pool]).contains(volume.name))
            }
        }
    }
}
