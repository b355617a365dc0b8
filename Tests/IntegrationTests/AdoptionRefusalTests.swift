// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

import Ceph
import Foundation
import RBDAPI
import RBDService
import TestSupport
import Testing

/// Images that must not become volumes.
@Suite(.tags(.cluster), .enabled(if: TestCluster.isAvailable), .timeLimit(.minutes(5)))
struct AdoptionRefusalTests {
    @Test func aSecondOwnerIsRefused() async throws {
        try await withAdoptions { setting in
            let uuid = AdoptionSetting.uuid
            let others = (1...6).map { "0000000\($0)-6d2f-4c8e-9b7a-0f1e2d3c4b5a" }
            // By the name that ceph-csi gives.
            let usual = try await setting.create("csi-vol-\(uuid)")
            try await setting.putVolume(uuid, request: "pvc-1", image: "csi-vol-\(uuid)", imageID: usual)
            try await setting.expectRefusal("volume-owned", of: "csi-vol-\(uuid)")
            // By a name that only the journal has, and by the id after a rename.
            let odd = try await setting.create("odd")
            try await setting.putVolume(others[0], request: "pvc-2", image: "odd", imageID: odd)
            try await setting.expectRefusal("volume-owned", of: "odd")
            try await setting.rbd("rename", "\(setting.pool)/odd", "\(setting.pool)/renamed")
            try await setting.expectRefusal("volume-owned", of: "renamed")
            // By an entry that ceph-csi has not listed in the directory, and has not finished.
            _ = try await setting.create("csi-vol-\(others[1])")
            try await setting.put(["csi.volname": "pvc-3"], into: "csi.volume.\(others[1])")
            try await setting.expectRefusal("volume-owned", of: "csi-vol-\(others[1])")
            // As a snapshot, and as what a clone is made through.
            _ = try await setting.create("csi-snap-\(others[2])")
            try await setting.putSnapshot(
                others[2],
                request: "snapshot-1",
                source: "odd",
                image: "csi-snap-\(others[2])"
            )
            try await setting.expectRefusal("volume-owned", of: "csi-snap-\(others[2])")
            _ = try await setting.create("csi-vol-\(uuid)-temp")
            try await setting.expectRefusal("volume-owned", of: "csi-vol-\(uuid)-temp")
            // ceph-csi would delete the entry of the first image with this one.
            _ = try await setting.create("copy-\(uuid)")
            try await setting.expectRefusal("volume-owned", of: "copy-\(uuid)")
            // All of these are not adopted, so they can't be released.
            #expect(try await setting.release("csi-vol-\(uuid)").problem.code == "volume-not-adopted")
            #expect(try await setting.release("csi-snap-\(others[2])").problem.code == "volume-not-found")
        }
    }

    /// The directory is read in pages.
    @Test func aSecondOwnerIsFoundAmongMany() async throws {
        try await withAdoptions { setting in
            let pool = try await TestCluster.connect().pool(setting.pool)
            let directory = Records(pool: pool, object: "csi.volumes.default")
            var change = Records.Change()
            for number in 10_000..<12_500 {
                change.set("csi.volume.pvc-\(number)", to: Array("000\(number)-6d2f-4c8e-9b7a-0f1e2d3c4b5a".utf8))
            }
            #expect(try await directory.apply(change))
            let id = try await setting.create("vol")
            try await setting.putVolume(AdoptionSetting.uuid, request: "pvc-99", image: "vol", imageID: id)
            let refused = try await setting.adopt("vol")
            #expect(try refused.problem.code == "volume-owned")
            _ = try await setting.create("free")
            #expect(try await setting.adopt("free").status == 201)
        }
    }

    @Test func whatIsNoWholeImageIsRefused() async throws {
        try await withAdoptions { setting in
            try await setting.expectRefusal("image-not-found", of: "none")
            _ = try await setting.create("gone")
            let deleted = try await setting.server.delete("/v1/pools/\(setting.pool)/images/gone")
            #expect(deleted.status == 200)
            let trashed = try await setting.adopt("gone").problem
            #expect(trashed.code == "image-not-found")
            #expect(trashed.detail.hasSuffix("is in the trash"))
            #expect(trashed.remedy?.action == .restore)
            _ = try await setting.create("secret")
            try await setting.rbd(
                "image-meta",
                "set",
                "\(setting.pool)/secret",
                "rbd.csi.ceph.com/encrypted",
                "encrypted"
            )
            try await setting.expectRefusal("invalid-persistent-volume", of: "secret")
            let body = AdoptionSetting.body.replacing("}", with: #","encryptionKmsId":"vault"}"#)
            let adopted: KubernetesVolume = try await setting.adopt("secret", body).decoded()
            let uuid = try #require(adopted.uuid)
            let entry = try await setting.journal()["csi.volume.\(uuid)"]
            #expect(entry?["csi.volume.encryptKMS"] == "vault")
            #expect(entry?["csi.volume.encryptionType"] == "block")
            #expect(adopted.persistentVolume.spec.csi.volumeAttributes.values["encrypted"] == "true")
        }
    }

    @Test func theCopyOfAMirroredImageIsRefused() async throws {
        try await withAdoptions { setting in
            _ = try await setting.create("copy")
            try await setting.rbd("mirror", "pool", "enable", setting.pool, "image")
            try await setting.rbd("mirror", "image", "enable", "\(setting.pool)/copy", "snapshot")
            try await setting.rbd("mirror", "image", "demote", "\(setting.pool)/copy")
            try await setting.expectRefusal("image-read-only", of: "copy")
        }
    }

    @Test func anotherClaimOrPoolOrClusterIsRefused() async throws {
        try await withAdoptions { setting in
            for image in ["one", "two"] { _ = try await setting.create(image) }
            #expect(try await setting.adopt("one").status == 201)
            try await setting.expectRefusal("claim-taken", of: "two")
            let other = try await setting.adopt("one", setting.claim("others")).problem
            #expect(other.code == "volume-owned")
            #expect(
                other.differences == [
                    Problem.Difference(field: "claimName", requested: "shop/others", actual: "shop/orders")
                ]
            )
            let cluster = AdoptionSetting.body.replacing("}", with: #","clusterId":"west"}"#)
            try await setting.expectRefusal("other-cluster", of: "two", cluster)
            // The claim of another Kubernetes cluster has another UID.
            let uid = AdoptionSetting.body.replacing("}", with: #","claimUid":"\#(AdoptionSetting.uuid)"}"#)
            let second: KubernetesVolume = try await setting.adopt("two", uid).decoded()
            #expect(second.persistentVolume.metadata.name == "pvc-\(AdoptionSetting.uuid)")
        }
        // The PersistentVolume has the name of the claim, also if the volume is a static one.
        try await withAdoptions { setting in
            for image in ["one", "two", "three"] { _ = try await setting.create(image) }
            let body = AdoptionSetting.body.replacing("}", with: #","static":true}"#)
            #expect(try await setting.adopt("one", body).status == 201)
            try await setting.expectRefusal("claim-taken", of: "two", body)
            try await setting.expectRefusal("claim-taken", of: "two")
            let taken = try await setting.adopt("two").problem
            #expect(taken.hint?.hasSuffix("rbdctl kubernetes release \(setting.pool)/one") == true)
            #expect(try await setting.release("one").status == 204)
            async let two = setting.adopt("two", body)
            async let three = setting.adopt("three", body)
            let answers = try await [two, three]
            #expect(Set(answers.map(\.status)) == [201, 409], "\(answers.map(\.text))")
            #expect(answers.contains { (try? $0.problem.code) == "claim-taken" })
        }
        try await withAdoptions(["kubernetes-pools": "other"]) { setting in
            _ = try await setting.create("vol")
            try await setting.expectRefusal("pool-not-allowed", of: "vol")
        }
    }

    /// Answers about a tenant's images do not name others.
    @Test func tenantsLearnNothingOfOtherImages() async throws {
        try await withAdoptions { setting in
            let pool = setting.pool
            let identities = try TestIdentities(["tenant": ["all:\(pool)/a-*"]])
            let file = identities.path
            try await TestServer.withCluster(change: { $0.tokenFile = file }) { server in
                let mine = server.with(token: identities.token(of: "tenant"))
                let tenant = AdoptionSetting(server: mine, pool: pool, fsid: setting.fsid)
                func expect(_ code: String, _ answer: TestServer.Answer) {
                    #expect(((try? answer.problem.code) ?? "\(answer.status)") == code, "\(answer.text)")
                    #expect(!answer.text.contains("secret"), "\(answer.text)")
                }
                _ = try await setting.create("secret-1")
                #expect(try await setting.adopt("secret-1").status == 201)
                for name in ["secret-1", "secret-0"] {
                    for answer in [
                        try await tenant.adopt(name), try await tenant.release(name),
                        try await mine.get(tenant.path(name)),
                    ] { #expect(try answer.problem.code == "image-not-found") }
                }
                // The claim has an image that the tenant must not see.
                _ = try await setting.create("a-1")
                expect("claim-taken", try await tenant.adopt("a-1"))
                // An image of the tenant was renamed out of its scopes.
                expect("201", try await tenant.adopt("a-1", setting.claim("one")))
                try await setting.rbd("rename", "\(pool)/a-1", "\(pool)/secret-2")
                expect("volume-owned", try await tenant.release("a-1"))
                _ = try await setting.create("a-1")
                expect("volume-owned", try await tenant.release("a-1"))
                expect("volume-owned", try await tenant.adopt("a-1", setting.claim("two")))
                // An image of others was renamed into its scopes.
                try await setting.rbd("rename", "\(pool)/secret-1", "\(pool)/a-2")
                expect("volume-owned", try await tenant.adopt("a-2", setting.claim("two")))
                expect("200", try await mine.get(tenant.path("a-2")))
            }
        }
    }
}
