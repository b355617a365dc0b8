// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

import Ceph
import Foundation
import RBDAPI
import RBDService
import TestSupport
import Testing

/// Images that must not become volumes, and adoptions that can't be taken back.
@Suite(.tags(.cluster), .enabled(if: TestCluster.isAvailable), .timeLimit(.minutes(5)))
struct AdoptionRefusalTests {
    /// Expects that a request is refused, as a dry run as well, and that the journal stays as it is.
    private func expectRefusal(
        _ code: String,
        of image: String,
        _ setting: AdoptionSetting,
        _ body: String = AdoptionSetting.body
    ) async throws {
        let before = try await setting.journal()
        for isDryRun in [true, false] {
            let answer = try await setting.adopt(image, body, isDryRun: isDryRun)
            #expect((try? answer.problem.code) == code, "\(image): \(answer.text)")
        }
        #expect(try await setting.journal() == before, "\(image)")
    }

    @Test func aSecondOwnerIsRefused() async throws {
        try await withAdoptions { setting in
            let uuid = AdoptionSetting.uuid
            let others = (1...6).map { "0000000\($0)-6d2f-4c8e-9b7a-0f1e2d3c4b5a" }
            // By the name that ceph-csi gives.
            let usual = try await setting.create("csi-vol-\(uuid)")
            try await setting.putVolume(uuid, request: "pvc-1", image: "csi-vol-\(uuid)", imageID: usual)
            try await expectRefusal("volume-owned", of: "csi-vol-\(uuid)", setting)
            // By a name that only the journal has, and by the id after a rename.
            let odd = try await setting.create("odd")
            try await setting.putVolume(others[0], request: "pvc-2", image: "odd", imageID: odd)
            try await expectRefusal("volume-owned", of: "odd", setting)
            try await setting.rbd("rename", "\(setting.pool)/odd", "\(setting.pool)/renamed")
            try await expectRefusal("volume-owned", of: "renamed", setting)
            // By an entry that ceph-csi has not listed in the directory, and has not finished.
            _ = try await setting.create("csi-vol-\(others[1])")
            try await setting.put(["csi.volname": "pvc-3"], into: "csi.volume.\(others[1])")
            try await expectRefusal("volume-owned", of: "csi-vol-\(others[1])", setting)
            // As a snapshot, and as what a clone is made through.
            _ = try await setting.create("csi-snap-\(others[2])")
            try await setting.putSnapshot(
                others[2],
                request: "snapshot-1",
                source: "odd",
                image: "csi-snap-\(others[2])"
            )
            try await expectRefusal("volume-owned", of: "csi-snap-\(others[2])", setting)
            _ = try await setting.create("csi-vol-\(uuid)-temp")
            try await expectRefusal("volume-owned", of: "csi-vol-\(uuid)-temp", setting)
            // ceph-csi would delete the entry of the first image with this one.
            _ = try await setting.create("copy-\(uuid)")
            try await expectRefusal("volume-owned", of: "copy-\(uuid)", setting)
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
            try await expectRefusal("image-not-found", of: "none", setting)
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
            try await expectRefusal("invalid-persistent-volume", of: "secret", setting)
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
            try await expectRefusal("image-read-only", of: "copy", setting)
        }
    }

    @Test func anotherClaimOrPoolOrClusterIsRefused() async throws {
        try await withAdoptions { setting in
            for image in ["one", "two"] { _ = try await setting.create(image) }
            #expect(try await setting.adopt("one").status == 201)
            try await expectRefusal("claim-taken", of: "two", setting)
            let other = try await setting.adopt("one", setting.claim("others")).problem
            #expect(other.code == "volume-owned")
            #expect(
                other.differences == [
                    Problem.Difference(field: "claimName", requested: "shop/others", actual: "shop/orders")
                ]
            )
            let cluster = AdoptionSetting.body.replacing("}", with: #","clusterId":"west"}"#)
            try await expectRefusal("other-cluster", of: "two", setting, cluster)
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
            try await expectRefusal("claim-taken", of: "two", setting, body)
            try await expectRefusal("claim-taken", of: "two", setting)
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
            try await expectRefusal("pool-not-allowed", of: "vol", setting)
        }
    }

    @Test func whatOthersHaveChangedIsNotReleased() async throws {
        try await withAdoptions { setting in
            _ = try await setting.create("vol")
            let volume: KubernetesVolume = try await setting.adopt("vol").decoded()
            let uuid = try #require(volume.uuid)
            let object = "csi.volume.\(uuid)"
            func expectRefusal(_ code: String) async throws {
                let before = try await setting.journal()
                #expect(try await setting.release("vol").problem.code == code)
                #expect(try await setting.journal() == before)
            }
            // The volume was added to a group.
            try await setting.put(["csi.groupid": "g"], into: object)
            try await expectRefusal("volume-not-adopted")
            try await TestCluster.run("rados", ["--pool", setting.pool, "rmomapkey", object, "csi.groupid"])
            // The entry is another image's now.
            try await setting.put(["csi.imagename": "other"], into: object)
            try await expectRefusal("volume-not-adopted")
            // Another claim got the volume, which changes nothing of the adoption.
            try await setting.put(["csi.imagename": "vol", "csi.volume.owner": "office"], into: object)
            // A snapshot of ceph-csi would lose its source.
            try await setting.putSnapshot(
                AdoptionSetting.uuid,
                request: "snapshot-1",
                source: "vol",
                image: "csi-snap-\(AdoptionSetting.uuid)"
            )
            try await expectRefusal("volume-has-dependents")
            let plan: Plan = try await setting.release("vol", isDryRun: true).decoded()
            #expect(!plan.allowed)
            #expect(plan.blockers == [Problem.Blocker(.snapshot, name: "snapshot-1")])
            try await TestCluster.run("rados", ["--pool", setting.pool, "rm", "csi.snap.\(AdoptionSetting.uuid)"])
            #expect(try await setting.release("vol").status == 204)
        }
    }

    @Test func aCloneOfCephCSIIsADependent() async throws {
        try await withAdoptions { setting in
            _ = try await setting.create("vol")
            #expect(try await setting.adopt("vol").status == 201)
            let (parent, clone) = ("\(setting.pool)/vol@s", "csi-vol-\(AdoptionSetting.uuid)")
            try await setting.rbd("snap", "create", parent)
            try await setting.rbd("clone", "--rbd-default-clone-format", "2", parent, "\(setting.pool)/mine")
            try await setting.rbd("clone", "--rbd-default-clone-format", "2", parent, "\(setting.pool)/\(clone)")
            try await setting.putVolume(AdoptionSetting.uuid, request: "pvc-1", image: clone, imageID: "1")
            let refused = try await setting.release("vol").problem
            #expect(refused.code == "volume-has-dependents")
            #expect(refused.blockers == [Problem.Blocker(.clone, name: "\(setting.pool)/\(clone)")])
        }
    }

    /// The image may be gone, but its entries are not.
    @Test func theEntriesOfADeletedImageAreReleased() async throws {
        try await withAdoptions { setting in
            _ = try await setting.create("vol")
            #expect(try await setting.adopt("vol").status == 201)
            try await setting.rbd("rm", "--no-progress", "\(setting.pool)/vol")
            _ = try await setting.create("vol")
            // The journal would give this image to the claim of the former one.
            try await expectRefusal("volume-owned", of: "vol", setting)
            #expect(try await setting.release("vol").status == 204)
            #expect(try await setting.journal().isEmpty)
            #expect(try await setting.adopt("vol").status == 201)
            try await setting.rbd("rm", "--no-progress", "\(setting.pool)/vol")
            #expect(try await setting.release("vol").status == 204)
            #expect(try await setting.release("vol").problem.code == "image-not-found")
            #expect(try await setting.records().isEmpty)
        }
    }

    /// `rbd` renames an adopted image, and another image gets its name. A caller who may change that one must not
    /// release the first.
    @Test func theFormerNameOfAnAdoptedImageReleasesNothing() async throws {
        try await withAdoptions { setting in
            _ = try await setting.create("vol")
            #expect(try await setting.adopt("vol").status == 201)
            try await setting.rbd("rename", "\(setting.pool)/vol", "\(setting.pool)/moved")
            let before = try await setting.journal()
            for hasOther in [false, true] {
                if hasOther { _ = try await setting.create("vol") }
                let refused = try await setting.release("vol").problem
                #expect(refused.code == "volume-owned")
                #expect(refused.hint?.hasSuffix("rbdctl kubernetes release \(setting.pool)/moved") == true)
                #expect(try await setting.journal() == before)
            }
            try await expectRefusal("volume-owned", of: "vol", setting)
            try await expectRefusal("volume-owned", of: "moved", setting)
            #expect(try await setting.release("moved").status == 204)
            #expect(try await setting.journal().isEmpty)
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

    /// The journal has the name of an adopted image, so the service does not take it away.
    @Test(arguments: [false, true])
    func anAdoptedImageIsNeitherRenamedNorDeleted(isStatic: Bool) async throws {
        try await withAdoptions { setting in
            let id = try await setting.create("vol")
            let body = AdoptionSetting.body.replacing("}", with: #","static":\#(isStatic)}"#)
            #expect(try await setting.adopt("vol", body).status == 201)
            let (pool, server) = ("/v1/pools/\(setting.pool)", setting.server)
            let (image, byID) = ("\(pool)/images/vol", "\(pool)/image-ids/\(id)")
            for answer in [
                try await server.patch(image, #"{"name":"other"}"#),
                try await server.patch("\(image)?dryRun=true", #"{"name":"other"}"#),
                try await server.patch(byID, #"{"name":"other"}"#), try await server.delete(image),
                try await server.delete("\(image)?purge=true"), try await server.delete(byID),
            ] {
                #expect((try? answer.problem.code) == "image-adopted", "\(answer.text)")
                #expect(try answer.problem.hint == "release it first: rbdctl kubernetes release \(setting.pool)/vol")
            }
            let plan: Plan = try await server.delete("\(image)?dryRun=true").decoded()
            #expect(!plan.allowed)
            #expect(plan.steps.map(\.action) == [.releaseImage, .moveToTrash])
            // Everything else of the image may change.
            #expect(try await server.patch(image, #"{"size":"128MiB"}"#).status == 200)
            // With other tools, it can be moved. It gets back only the name that the journal has.
            try await setting.rbd("trash", "mv", "\(setting.pool)/vol")
            let restore = "\(pool)/trash/\(id)/restore"
            let refused = try await server.post(restore, #"{"name":"other"}"#)
            #expect((try? refused.problem.code) == "image-adopted", "\(refused.text)")
            #expect(try await server.post(restore, "{}").status == 200)
            try await setting.rbd("rename", "\(setting.pool)/vol", "\(setting.pool)/moved")
            #expect(try await server.patch("\(pool)/images/moved", #"{"name":"vol"}"#).status == 200)
            #expect(try await setting.release("vol").status == 204)
            #expect(try await server.delete(image).status == 200)
        }
    }
}
