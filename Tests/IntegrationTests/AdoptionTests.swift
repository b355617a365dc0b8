// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

import Ceph
import Foundation
import RBDAPI
import TestSupport
import Testing

/// Existing images become volumes of ceph-csi. What is written is read with Ceph's own tools.
@Suite(.tags(.cluster), .enabled(if: TestCluster.isAvailable), .timeLimit(.minutes(5)))
struct AdoptionTests {
    @Test func exactlyTheFormatIsWritten() async throws {
        try await withAdoptions { setting in
            let id = try await setting.create("vol")
            let pool = try await TestCluster.connect().pool(setting.pool)
            let version = try await pool.standing(of: RawName("vol")).image?.headerVersion
            let adopted = try await setting.adopt("vol")
            #expect(adopted.status == 201, "\(adopted.text)")
            #expect(adopted.headers["location"] == setting.path("vol"))
            let volume: KubernetesVolume = try adopted.decoded()
            let uuid = try #require(volume.uuid)
            let name = volume.persistentVolume.metadata.name
            #expect(
                try await setting.journal() == [
                    "csi.volumes.default": ["csi.volume.\(name)": uuid],
                    "csi.volume.\(uuid)": [
                        "csi.volname": name, "csi.imagename": "vol", "csi.imageid": id, "csi.volume.owner": "shop",
                    ],
                ]
            )
            let csi = volume.persistentVolume.spec.csi
            let number = String(try await pool.id(), radix: 16)
            let poolID = String(repeating: "0", count: 16 - number.count) + number
            #expect(csi.volumeHandle == "0001-0024-\(setting.fsid)-\(poolID)-\(uuid)")
            #expect(csi.volumeAttributes.values["imageName"] == "vol")
            #expect(csi.volumeAttributes.values["pool"] == setting.pool)
            #expect(volume.persistentVolume.spec.capacity.storage == "64Mi")
            #expect(volume.persistentVolumeClaim?.spec.volumeName == name)
            // The image itself was only read.
            #expect(try await pool.standing(of: RawName("vol")).image?.headerVersion == version)
            #expect(try await setting.rbd("ls", setting.pool) == "vol\n")
        }
    }

    @Test func aRepeatedRequestHasTheSameAnswer() async throws {
        try await withAdoptions { setting in
            _ = try await setting.create("vol")
            let first = try await setting.adopt("vol")
            let journal = try await setting.journal()
            let second = try await setting.adopt("vol")
            #expect(first.status == 201)
            #expect(second.status == 200)
            #expect(first.body == second.body)
            let found = try await setting.server.get(setting.path("vol"))
            #expect(found.body == first.body, "\(found.text)")
            // What the journal does not have may change.
            let other = AdoptionSetting.body.replacing("}", with: #","storageClass":"fast"}"#)
            let changed: KubernetesVolume = try await setting.adopt("vol", other).decoded()
            #expect(changed.persistentVolume.spec.storageClassName == "fast")
            let query = "?storageClass=slow&fsType=xfs"
            let asked: KubernetesVolume = try await setting.server.get(setting.path("vol") + query).decoded()
            #expect(asked.persistentVolume.spec.storageClassName == "slow")
            #expect(asked.persistentVolume.spec.csi.fsType == "xfs")
            let another = "?claimNamespace=shop-2&claimName=orders"
            let moved: KubernetesVolume = try await setting.server.get(setting.path("vol") + another).decoded()
            #expect(moved.persistentVolume.spec.claimRef?.namespace == "shop-2")
            #expect(moved.persistentVolumeClaim?.metadata.namespace == "shop-2")
            let invalid = try await setting.server.get(setting.path("vol") + "?claimName=Orders")
            #expect(try invalid.problem.field == "claimName")
            #expect(try await setting.journal() == journal)
        }
    }

    @Test func aReleaseRestoresTheJournal() async throws {
        try await withAdoptions { setting in
            for hasOthers in [false, true] {
                if hasOthers {
                    try await setting.putVolume(AdoptionSetting.uuid, request: "pvc-1", image: "other", imageID: "1")
                }
                let before = try await setting.journal()
                let image = "vol-\(hasOthers)"
                _ = try await setting.create(image)
                #expect(try await setting.adopt(image).status == 201)
                #expect(try await setting.records().count == 1)
                let planned: Plan = try await setting.release(image, isDryRun: true).decoded()
                #expect(planned.allowed)
                #expect(planned.steps.map(\.action) == [.releaseImage])
                #expect(try await setting.journal() != before)
                #expect(try await setting.release(image).status == 204)
                #expect(try await setting.journal() == before)
                #expect(try await setting.records().isEmpty)
                #expect(try await setting.release(image).problem.code == "volume-not-found")
            }
        }
    }

    @Test func aDryRunWritesNothing() async throws {
        try await withAdoptions { setting in
            _ = try await setting.create("vol")
            let planned = try await setting.adopt("vol", isDryRun: true)
            let plan: Plan = try planned.decoded()
            #expect(plan.steps.map(\.action) == [.adoptImage])
            #expect(plan.steps.first?.detail?.hasPrefix("as the volume 0001-0024-\(setting.fsid)-") == true)
            #expect(try await setting.journal().isEmpty)
            #expect(try await setting.records().isEmpty)
            #expect(try await setting.adopt("vol").status == 201)
            let repeated: Plan = try await setting.adopt("vol", isDryRun: true).decoded()
            #expect(repeated.steps.isEmpty)
        }
    }

    /// Two replicas know nothing of each other but what is in the pool.
    @Test func twoAdoptionsAtOnceGiveOne() async throws {
        try await withAdoptions { setting in
            try await TestServer.withCluster { server in
                let other = AdoptionSetting(server: server, pool: setting.pool, fsid: setting.fsid)
                for round in 1...8 {
                    let image = "vol-\(round)"
                    _ = try await setting.create(image)
                    let claims = [
                        setting.claim("c\(round)"), setting.claim(round % 2 == 0 ? "c\(round)" : "d\(round)"),
                    ]
                    async let one = setting.adopt(image, claims[0])
                    async let two = other.adopt(image, claims[1])
                    let answers = try await [one, two]
                    if round % 2 == 0 {
                        #expect(Set(answers.map(\.status)) == [200, 201], "\(answers.map(\.text))")
                        #expect(answers[0].body == answers[1].body)
                    } else {
                        #expect(Set(answers.map(\.status)) == [201, 409], "\(answers.map(\.text))")
                        #expect(answers.contains { (try? $0.problem.code) == "volume-owned" })
                    }
                    let journal = try await setting.journal()
                    #expect(journal.count == round + 1)
                    #expect(journal["csi.volumes.default"]?.count == round)
                }
            }
        }
    }

    /// The same claim can't get two images, whoever is faster.
    @Test func twoImagesForOneClaimAtOnceGiveOne() async throws {
        try await withAdoptions { setting in
            try await TestServer.withCluster { server in
                let other = AdoptionSetting(server: server, pool: setting.pool, fsid: setting.fsid)
                for round in 1...8 {
                    for side in ["a", "b"] { _ = try await setting.create("\(side)-\(round)") }
                    let claim = setting.claim("c\(round)")
                    async let one = setting.adopt("a-\(round)", claim)
                    async let two = other.adopt("b-\(round)", claim)
                    let answers = try await [one, two]
                    #expect(Set(answers.map(\.status)) == [201, 409], "\(answers.map(\.text))")
                    #expect(answers.contains { (try? $0.problem.code) == "claim-taken" })
                    #expect(try await setting.journal().count == round + 1)
                    #expect(try await setting.records().count == round)
                }
            }
        }
    }

    @Test func anImageInUseIsAdopted() async throws {
        try await withAdoptions { setting in
            _ = try await setting.create("vol")
            let client = try await TestCluster.openClient(of: "\(setting.pool)/vol")
            #expect(try await setting.adopt("vol").status == 201)
            #expect(try await setting.release("vol").status == 204)
            try client.endInput()
            client.signal(SIGTERM)
            _ = await client.finish()
        }
    }

    /// ceph-csi can delete the image if its name ends with the UUID.
    @Test func theUUIDOfANameIsKept() async throws {
        try await withAdoptions { setting in
            let image = "old-\(AdoptionSetting.uuid)"
            _ = try await setting.create(image)
            let volume: KubernetesVolume = try await setting.adopt(image).decoded()
            #expect(volume.uuid == AdoptionSetting.uuid)
            #expect(volume.persistentVolume.spec.csi.volumeAttributes.values["volumeNamePrefix"] == "old-")
            #expect(volume.persistentVolume.metadata.annotations != nil)
            #expect(try await setting.journal()["csi.volume.\(AdoptionSetting.uuid)"]?["csi.imagename"] == image)
        }
    }

    @Test func aStaticVolumeIsNotInTheJournal() async throws {
        try await withAdoptions { setting in
            _ = try await setting.create("vol")
            let body = AdoptionSetting.body.replacing("}", with: #","static":true}"#)
            let adopted = try await setting.adopt("vol", body)
            #expect(adopted.status == 201)
            let volume: KubernetesVolume = try adopted.decoded()
            #expect(volume.origin == .static)
            #expect(volume.persistentVolume.spec.csi.volumeHandle == "vol")
            #expect(volume.persistentVolume.spec.csi.volumeAttributes.values["staticVolume"] == "true")
            #expect(try await setting.journal().isEmpty)
            #expect(try await setting.server.get(setting.path("vol")).body == adopted.body)
            #expect(try await setting.adopt("vol").problem.code == "volume-owned")
            #expect(try await setting.release("vol").status == 204)
            #expect(try await setting.adopt("vol").status == 201)
        }
    }

    @Test func aNamespaceHasAJournalOfItsOwn() async throws {
        try await withAdoptions(["kubernetes-cluster-ids": "plain,tenant/team-a"]) { setting in
            try await setting.rbd("namespace", "create", "\(setting.pool)/team-a")
            try await setting.rbd("create", "--size", "64M", "\(setting.pool)/team-a/vol")
            let path = "\(setting.path("vol"))?namespace=team-a"
            let volume: KubernetesVolume = try await setting.server.put(path, AdoptionSetting.body).decoded()
            let attributes = volume.persistentVolume.spec.csi.volumeAttributes.values
            #expect(attributes["clusterID"] == "tenant")
            #expect(attributes["radosNamespace"] == "team-a")
            #expect(volume.persistentVolume.spec.csi.volumeHandle.hasPrefix("0001-0006-tenant-"))
            #expect(try await setting.journal().isEmpty)
            #expect(try await setting.journal(namespace: "team-a").count == 2)
            #expect(try await setting.server.delete(path).status == 204)
            #expect(try await setting.journal(namespace: "team-a").isEmpty)
            try await setting.rbd("rm", "--no-progress", "\(setting.pool)/team-a/vol")
        }
    }
}
