// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

import Ceph
import Foundation
import RBDAPI
import RBDService
import TestSupport
import Testing

/// What ends an adoption, and what does not.
@Suite(.tags(.cluster), .enabled(if: TestCluster.isAvailable), .timeLimit(.minutes(5)))
struct AdoptionReleaseTests {
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
            try await setting.expectRefusal("volume-owned", of: "vol")
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
            try await setting.expectRefusal("volume-owned", of: "vol")
            try await setting.expectRefusal("volume-owned", of: "moved")
            #expect(try await setting.release("moved").status == 204)
            #expect(try await setting.journal().isEmpty)
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
