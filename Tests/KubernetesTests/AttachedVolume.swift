// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

import TestSupport
import Testing

/// What Kubernetes knows of a volume that is in use. There is no kubelet, so the objects are written by hand.
extension ClaimedVolume {
    /// Says that the volume is attached to a node, for a pod that uses its claim.
    func attach(to node: String) async throws {
        let made = try await APIServer.apply(
            #"""
            {"apiVersion":"storage.k8s.io/v1","kind":"VolumeAttachment","metadata":{"name":"\#(name)"},"spec":{
            "attacher":"rbd.csi.ceph.com","nodeName":"\#(node)","source":{"persistentVolumeName":"\#(name)"}}}
            {"apiVersion":"v1","kind":"Pod","metadata":{"namespace":"default","name":"\#(name)"},"spec":{
            "nodeName":"\#(node)","containers":[{"name":"main","image":"none"}],
            "volumes":[{"name":"data","persistentVolumeClaim":{"claimName":"\#(name)"}}]}}
            """#
        )
        try #require(made.status == 0, "\(made.standardError)")
    }

    /// Lets the claim go although a pod uses it, as impatient users do.
    func tearOffClaim() async throws {
        let change = #"{"metadata":{"finalizers":null}}"#
        let result = try await APIServer.kubectl("patch", "pvc/\(name)", "--type", "merge", "-p", change)
        try #require(result.status == 0, "\(result.standardError)")
    }

    /// Removes what ``attach(to:)`` has made.
    func detach() async throws {
        for object in ["pod/\(name)", "volumeattachment/\(name)"] {
            let result = try await APIServer.kubectl(
                "delete",
                object,
                "--ignore-not-found",
                "--grace-period=0",
                "--force"
            )
            #expect(result.status == 0, "\(result.standardError)")
        }
    }
}
