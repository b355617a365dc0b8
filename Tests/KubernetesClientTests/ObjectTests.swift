// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

import Testing

@testable import Kubernetes

@Suite struct ObjectTests {
    private static let volume = """
        {"kind":"PersistentVolume","apiVersion":"v1","metadata":{"name":"data","uid":"7","resourceVersion":"12",\
        "generation":3,"labels":{"a":"b"},"finalizers":["kubernetes.io/pv-protection"],\
        "deletionTimestamp":"2026-07-01T12:00:00Z","managedFields":[{"manager":"kubectl"}],"future":{"x":[1.0,null]}},\
        "spec":{"capacity":{"storage":"1Gi","iops":100},"csi":{"driver":"rbd.csi.ceph.com","volumeHandle":"h",\
        "volumeAttributes":{"pool":"rbd"},"nodeStageSecretRef":{"name":"s","namespace":"n"},"unknown":18446744073709551615},\
        "persistentVolumeReclaimPolicy":"Retain"},"status":{"phase":"Bound"}}
        """

    private func volume() throws -> PersistentVolume {
        PersistentVolume(json: try #require(try JSONValue(parsing: Self.volume).object))
    }

    @Test func knownFieldsAreRead() throws {
        let volume = try volume()
        #expect(volume.key.description == "data")
        #expect(volume.metadata.resourceVersion == "12")
        #expect(volume.metadata.generation == 3)
        #expect(volume.metadata.finalizers == ["kubernetes.io/pv-protection"])
        #expect(volume.metadata.deletionTimestamp?.description == "2026-07-01T12:00:00Z")
        #expect(volume.capacity == "1Gi")
        #expect(volume.csi?.driver == "rbd.csi.ceph.com")
        #expect(volume.csi?.volumeAttributes == ["pool": "rbd"])
        #expect(volume.csi?.nodeStageSecret?.namespace == "n")
        #expect(volume.csi?.controllerPublishSecret == nil)
        #expect(volume.reclaimPolicy == "Retain")
        #expect(volume.claim == nil)
        #expect(volume.phase == "Bound")
    }

    @Test func aPartOfAnObjectIsKept() throws {
        let volume = try volume()
        let kept = volume.spec.keeping(["capacity", "claimRef"])
        #expect(kept.members.map(\.key) == ["capacity"])
        #expect(kept[object: "capacity"] == volume.spec[object: "capacity"])
        #expect(volume.rbd == nil)
    }

    @Test func unknownFieldsSurviveAChange() throws {
        var volume = try volume()
        volume.capacity = "2Gi"
        var metadata = volume.metadata
        metadata.annotations["rbd-rest-api.io/reclaim"] = "trash"
        volume.metadata = metadata
        let expected = Self.volume.replacing("\"1Gi\"", with: "\"2Gi\"").replacing(
            #""future":{"x":[1.0,null]}"#,
            with: #""future":{"x":[1.0,null]},"annotations":{"rbd-rest-api.io/reclaim":"trash"}"#
        )
        #expect(JSONValue.object(volume.json).text == expected)
    }

    @Test func itemsOfListsGetTheirKind() {
        let object = PersistentVolumeClaim(named: "data", in: "web").complete
        #expect(object[string: "kind"] == "PersistentVolumeClaim")
        #expect(object[string: "apiVersion"] == "v1")
        #expect(object[object: "metadata"][string: "namespace"] == "web")
    }

    @Test func pathsFollowTheGroup() {
        #expect(PersistentVolume.resource.path(namespace: nil, name: "a") == ["api", "v1", "persistentvolumes", "a"])
        #expect(
            Lease.resource.path(namespace: "n", name: "l")
                == ["apis", "coordination.k8s.io", "v1", "namespaces", "n", "leases", "l"]
        )
        #expect(
            PersistentVolumeClaim.resource.path(namespace: "n", name: "c", subresource: "status").last == "status"
        )
    }

    @Test(arguments: [
        ("1970-01-01T00:00:00Z", 0), ("2026-07-01T12:00:00Z", 1_782_907_200_000_000),
        ("2024-02-29T23:59:59.000001Z", 1_709_251_199_000_001), ("2024-02-29T23:59:59.5Z", 1_709_251_199_500_000),
        ("2024-03-01T01:59:59+02:00", 1_709_251_199_000_000), ("2024-02-29T23:59:59.123456789Z", 1_709_251_199_123_456),
    ])
    func timesAreRead(text: String, microseconds: Int) {
        #expect(KubernetesTime(text)?.microseconds == Int64(microseconds))
    }

    @Test(arguments: ["", "2026-07-01", "2026-07-01T12:00:00", "2026-13-01T12:00:00Z", "2026-07-01T12:00:00.Z", "x"])
    func otherTextsAreNoTimes(text: String) {
        #expect(KubernetesTime(text) == nil)
    }

    @Test func timesAreWritten() {
        let time = KubernetesTime(microseconds: 1_709_251_199_000_001)
        #expect(time.description == "2024-02-29T23:59:59Z")
        #expect(time.microText == "2024-02-29T23:59:59.000001Z")
        for day in stride(from: Int64(-1000), to: 40_000, by: 7) {
            let time = KubernetesTime(microseconds: day * 86_400_000_000 + 1)
            #expect(KubernetesTime(time.microText) == time)
        }
    }
}
