// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

import Foundation
import TestSupport
import Testing

/// A static volume and its claim.
struct ClaimedVolume {
    let name: String
    var pool: String
    var fsid: String
    var storage = "1Gi"
    var volumeMode = "Filesystem"
    var reclaimPolicy = "Retain"
    var annotations: [String: String] = [:]
    /// The label `test` of both.
    var label = "controller"

    var spec: String { "\(pool)/\(name)" }

    var volume: String {
        let pairs = annotations.map { #""\#($0.key)":"\#($0.value)""# }.joined(separator: ",")
        return #"""
            {"apiVersion":"v1","kind":"PersistentVolume","metadata":{"name":"\#(name)","annotations":{\#(pairs)},
            "labels":{"test":"\#(label)"}},"spec":{"capacity":{"storage":"\#(storage)"},
            "accessModes":["ReadWriteOnce"],"storageClassName":"","volumeMode":"\#(volumeMode)",
            "persistentVolumeReclaimPolicy":"\#(reclaimPolicy)","claimRef":{"namespace":"default","name":"\#(name)"},
            "csi":{"driver":"rbd.csi.ceph.com","volumeHandle":"\#(name)","fsType":"ext4","volumeAttributes":{
            "clusterID":"\#(fsid)","pool":"\#(pool)","staticVolume":"true","imageFeatures":"layering"},
            "nodeStageSecretRef":{"namespace":"default","name":"csi-rbd-secret"}}}}
            """#
    }

    var claim: String {
        #"""
        {"apiVersion":"v1","kind":"PersistentVolumeClaim","metadata":{"namespace":"default","name":"\#(name)",
        "labels":{"test":"\#(label)"}},"spec":{"accessModes":["ReadWriteOnce"],"storageClassName":"",
        "volumeName":"\#(name)","volumeMode":"\#(volumeMode)","resources":{"requests":{"storage":"\#(storage)"}}}}
        """#
    }

    /// Applies both, and waits until they are bound.
    func bind() async throws {
        let applied = try await APIServer.apply("\(volume)\n\(claim)")
        try #require(applied.status == 0, "\(applied.standardError)")
        try await APIServer.wait(for: "Bound", at: "{.status.phase}", of: "pvc/\(name)")
    }

    /// Waits until the volume waits for the controller when it is deleted.
    func waitUntilHeld(within seconds: Double = 60) async throws {
        let end = ContinuousClock.now + .seconds(seconds)
        while try await !APIServer.value("{.metadata.finalizers}", of: "pv/\(name)").contains("rbd-rest-api.io") {
            try #require(ContinuousClock.now < end, "the volume \(name) has no finalizer of the controller")
            try await Task.sleep(for: .milliseconds(100))
        }
    }

    /// Waits until the volume says which image it has. If the image is to go to the trash, the volume is then held.
    func waitUntilKnown() async throws {
        let id = try await TestCluster.imageID(spec)
        try await APIServer.wait(
            for: id,
            at: "{.metadata.annotations.rbd-rest-api\\.io/image-id}",
            of: "pv/\(name)"
        )
    }

    /// Raises, or lowers, the capacity of the volume.
    func setCapacity(_ storage: String) async throws {
        let patch = #"{"spec":{"capacity":{"storage":"\#(storage)"}}}"#
        let result = try await APIServer.kubectl("patch", "pv/\(name)", "--type", "merge", "-p", patch)
        try #require(result.status == 0, "\(result.standardError)")
    }

    /// Requests the deletion of both, and does not wait for it.
    func delete() async throws {
        for object in ["pvc/\(name)", "pv/\(name)"] {
            let result = try await APIServer.kubectl("delete", object, "--wait=false", "--ignore-not-found")
            try #require(result.status == 0, "\(result.standardError)")
        }
    }

    /// Deletes both, whatever holds them.
    func remove() async throws {
        let release = #"{"metadata":{"annotations":{"rbd-rest-api.io/reclaim":"retain"}}}"#
        _ = try await APIServer.kubectl("patch", "pv/\(name)", "--type", "merge", "-p", release)
        try await delete()
        try await waitUntilGone()
    }

    func waitUntilGone(within seconds: Double = 60) async throws {
        let end = ContinuousClock.now + .seconds(seconds)
        while try await APIServer.kubectl("get", "pv/\(name)", "-o", "name").status == 0 {
            try #require(ContinuousClock.now < end, "the volume \(name) is still there")
            try await Task.sleep(for: .milliseconds(100))
        }
    }

    /// Waits until librbd tells this size.
    func waitForSize(_ bytes: UInt64, within seconds: Double) async throws {
        let end = ContinuousClock.now + .seconds(seconds)
        var size: UInt64?
        repeat {
            size = try? await RBDInfo.read(spec).size
            if size == bytes { return }
            try await Task.sleep(for: .milliseconds(50))
        } while ContinuousClock.now < end
        throw TestCluster.Failure(description: "\(spec) has \(size.map { "\($0)" } ?? "no") bytes, not \(bytes)")
    }

    /// The messages of all Events about the volume with a reason.
    func events(_ reason: String) async throws -> String {
        let fields = "involvedObject.name=\(name),reason=\(reason)"
        return try await APIServer.kubectl(
            "get",
            "events",
            "--namespace",
            "default",
            "--field-selector",
            fields,
            "-o",
            "jsonpath={.items[*].message}"
        ).standardOutput
    }
}
