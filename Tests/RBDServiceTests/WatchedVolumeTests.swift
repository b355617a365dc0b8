// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

import Foundation
import Kubernetes
import Naming
import RBDAPI
import Testing

@testable import RBDService

/// What the controller reads of the objects of Kubernetes, and writes into them.
struct WatchedVolumeTests {
    private static let fsid = "ba68226a-672f-4ba5-97bc-22840318b2ec"

    private func object(_ text: String) throws -> JSONObject {
        try #require(try JSONValue(parsing: text).object)
    }

    private func volume(
        _ name: String = "pv",
        driver: String = "rbd.csi.ceph.com",
        handle: String = "data",
        attributes: String = #""clusterID":"\#(fsid)","pool":"rbd","staticVolume":"true""#,
        metadata: String = "",
        spec: String = ""
    ) throws -> StoredVolume {
        StoredVolume(
            json: try object(
                #"""
                {"metadata":{"name":"\#(name)","uid":"u1","resourceVersion":"7"\#(metadata)},"spec":{
                "capacity":{"storage":"2Gi"},"accessModes":["ReadWriteOnce"]\#(spec),
                "csi":{"driver":"\#(driver)","volumeHandle":"\#(handle)","nodeStageSecretRef":{"name":"s","namespace":"n"},
                "volumeAttributes":{\#(attributes)}}},"status":{"phase":"Bound","message":"m"}}
                """#
            )
        )
    }

    private func watched(_ object: StoredVolume) throws -> WatchedVolume {
        try WatchedVolume(object, VolumeRules(drivers: ["rbd.csi.ceph.com"])) { Self.fsid }
    }

    @Test func aStaticVolumeIsLookedAfter() throws {
        let annotations =
            #","annotations":{"rbd-rest-api.io/reclaim":"trash","rbd-rest-api.io/image-id":"a1","other":"x"},"#
            + #""finalizers":["kubernetes.io/pv-protection","rbd-rest-api.io/reclaim"],"#
            + #""deletionTimestamp":"2026-07-01T12:00:00Z""#
        let spec =
            #","persistentVolumeReclaimPolicy":"Delete","volumeMode":"Block","#
            + #""claimRef":{"namespace":"default","name":"data","uid":"c1","apiVersion":"v1"}"#
        let object = try volume(metadata: annotations, spec: spec)
        let volume = try watched(object)
        #expect(volume.demand?.place == Place(pool: "rbd"))
        #expect(volume.demand?.image == "data")
        #expect(volume.demand?.sizeBytes == 2 << 30)
        #expect(volume.reclaim == .trash)
        #expect(volume.imageID == "a1")
        #expect(volume.isHeld && volume.isBeingDeleted && volume.isBlock && volume.isBound && volume.endsWithClaim)
        #expect(volume.claim == .init(namespace: "default", name: "data", uid: "c1"))
        // What is kept in memory decides in the same way.
        #expect(try watched(WatchedVolume.kept(object)) == volume)
    }

    @Test func nothingElseIsLookedAfter() throws {
        #expect(try watched(volume(driver: "ebs.csi.aws.com")).need == .nothing)
        #expect(try watched(volume(attributes: #""pool":"rbd","imageName":"csi-vol-1""#)).need == .nothing)
        #expect(
            try watched(volume(metadata: #","annotations":{"rbd-rest-api.io/ensure":"false"}"#)).need == .nothing
        )
        let inTree = StoredVolume(
            json: try object(
                #"{"metadata":{"name":"a"},"spec":{"capacity":{"storage":"1Gi"},"rbd":{"image":"data","pool":"rbd"}}}"#
            )
        )
        #expect(try watched(inTree).need == .nothing)
        let foreign = try watched(volume(attributes: #""clusterID":"another","pool":"rbd","staticVolume":"true""#))
        guard case .invalid(let problem) = foreign.need else {
            Issue.record("another cluster's volume is looked after")
            return
        }
        #expect(problem.code == "other-cluster")
    }

    @Test func littleIsKeptOfVolumesWithoutAnImage() throws {
        let kept = WatchedVolume.kept(try volume(attributes: #""fs":"ext4""#))
        #expect(kept.json == (try object(#"{"metadata":{"name":"pv","uid":"u1","resourceVersion":"7"}}"#)))
    }

    @Test func anUnreachableClusterIsNoReasonToThinkOtherwise() throws {
        struct Unreachable: Error {}
        let object = try volume()
        #expect(throws: Unreachable.self) {
            try WatchedVolume(object, VolumeRules(drivers: ["rbd.csi.ceph.com"])) { throw Unreachable() }
        }
    }

    // MARK: Volumes with one image

    @Test func volumesThatMayShareAnImageAreFound() throws {
        let index = VolumeIndex(rules: VolumeRules(clusters: ["ceph-1": "", "ceph-2": "team"]))
        func attributes(_ cluster: String) -> String {
            #""clusterID":"\#(cluster)","pool":"rbd","staticVolume":"true""#
        }
        index.note(.added(try volume("own", attributes: attributes("ceph-1"))))
        index.note(.added(try volume("team", attributes: attributes("ceph-2"))))
        let image = ImageSpec(pool: "rbd", image: "data")
        #expect(index.volumes(of: image, except: "own") == [])
        #expect(index.volumes(of: ImageSpec(pool: "rbd", namespace: "team", image: "data"), except: "own") == ["team"])
        // Its name of the cluster is not known here, so it may be this cluster.
        let other = try volume("other", driver: "rook.rbd.csi.ceph.com", attributes: attributes("rook-ceph"))
        index.note(.added(other))
        let dynamic = try volume("dynamic", attributes: #""pool":"rbd","imageName":"data""#)
        index.note(.added(dynamic))
        #expect(index.volumes(of: image, except: "own") == ["dynamic", "other"])
        #expect(index.volumes(of: ImageSpec(pool: "rbd", image: "data-2"), except: "own") == [])
        // Old releases of the driver did not write the name of the image.
        let uuid = "b0285c97-a0ce-11eb-8c66-0242ac110002"
        let handle = "0001-0009-rook-ceph-0000000000000002-\(uuid)"
        index.note(.added(try volume("old", handle: handle, attributes: #""pool":"rbd""#)))
        #expect(index.volumes(of: ImageSpec(pool: "rbd", image: "csi-vol-\(uuid)"), except: "own") == ["old"])
        let prefixed = #""pool":"rbd","volumeNamePrefix":"shop-""#
        index.note(.added(try volume("prefixed", handle: handle, attributes: prefixed)))
        #expect(index.volumes(of: ImageSpec(pool: "rbd", image: "shop-\(uuid)"), except: "own") == ["prefixed"])
        #expect(index.note(.deleted(other)).sorted() == ["dynamic", "own", "team"])
        index.note(.deleted(dynamic))
        #expect(index.volumes(of: image, except: "own") == [])
    }

    @Test(arguments: [
        ("10.0.0.5:0/3710147553", "10.0.0.5"), ("v1:10.0.0.5:0/1", "10.0.0.5"), ("[fd00::5]:0/1", "fd00::5"),
        ("v2:[fd00::5]:6800/1", "fd00::5"), ("10.0.0.5", "10.0.0.5"),
    ])
    func theAddressOfAClientHasTheHost(address: String, host: String) {
        #expect(ImageClient(name: "client.1", address: address).host == host)
    }
}

/// The status of claims while their volumes grow.
struct ClaimStatusTests {
    private static let text = #"""
        {"metadata":{"namespace":"default","name":"data","uid":"c1","resourceVersion":"9"},
        "spec":{"volumeName":"pv","resources":{"requests":{"storage":"1Gi"}}},
        "status":{"phase":"Bound","capacity":{"storage":"1Gi"},
        "conditions":[{"type":"Other","status":"True","reason":"kept"},{"type":"Resizing","status":"True"}]}}
        """#

    private func claim() throws -> PersistentVolumeClaim {
        PersistentVolumeClaim(json: try #require(try JSONValue(parsing: Self.text).object))
    }

    private let time = KubernetesTime(microseconds: 0)

    private func merged(_ patch: Patch) throws -> JSONObject {
        guard case .merge(let object) = patch else {
            Issue.record("it is not a merge patch")
            return JSONObject()
        }
        return object
    }

    @Test func theClaimIsRead() throws {
        let claim = WatchedClaim(try claim())
        #expect(claim.capacityBytes == 1 << 30)
        #expect(claim.requestBytes == 1 << 30)
        #expect(claim.growth == nil)
        #expect(claim.conditions == ["Resizing"])
        var volume = WatchedVolume(name: "pv", claim: .init(namespace: "default", name: "data", uid: "c1"))
        #expect(claim.isBound(to: volume))
        volume.claim?.uid = "c0"
        #expect(!claim.isBound(to: volume))
        #expect(WatchedClaim(WatchedClaim.kept(try self.claim())) == claim)
    }

    @Test func growthBegins() throws {
        let patch = try merged(ClaimStatus.beginning(claim(), to: "2Gi", imageBytes: 1 << 30, at: time))
        #expect(
            JSONValue.object(patch).text
                == #"{"metadata":{"resourceVersion":"9"},"status":{"allocatedResources":{"storage":"2Gi"},"#
                + #""allocatedResourceStatuses":{"storage":"ControllerResizeInProgress"},"#
                + #""conditions":[{"type":"Other","status":"True","reason":"kept"},"#
                + #"{"type":"Resizing","status":"True","lastTransitionTime":"1970-01-01T00:00:00Z"}]}}"#
        )
    }

    /// Otherwise its kubelet would not grow the file system: it does so if the claim has less than the volume.
    @Test func aClaimHasNoMoreThanItsImage() throws {
        let patch = try merged(ClaimStatus.beginning(claim(), to: "2Gi", imageBytes: 1 << 20, at: time))
        #expect(patch[object: "status"][object: "capacity"][string: "storage"] == "1048576")
    }

    @Test func theNodeComesNext() throws {
        let status = try merged(ClaimStatus.leftToNode(claim(), to: "2Gi", at: time))[object: "status"]
        #expect(status[object: "allocatedResourceStatuses"][string: "storage"] == "NodeResizePending")
        #expect(status[objects: "conditions"].map { $0[string: "type"] } == ["Other", "FileSystemResizePending"])
        #expect(status["capacity"] == nil)
    }

    @Test func growthEnds() throws {
        let status = try merged(ClaimStatus.finished(claim(), at: "2Gi"))[object: "status"]
        #expect(status[object: "capacity"][string: "storage"] == "2Gi")
        #expect(status[object: "allocatedResourceStatuses"]["storage"] == .null)
        #expect(status[objects: "conditions"].map { $0[string: "type"] } == ["Other"])
    }
}
