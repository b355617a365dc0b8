// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

/// `storage.k8s.io/v1` StorageClass.
public struct StorageClass: KubernetesObject {
    public static let resource = ResourceKind(
        group: "storage.k8s.io",
        version: "v1",
        kind: "StorageClass",
        plural: "storageclasses",
        isNamespaced: false
    )

    public var json: JSONObject

    public init(json: JSONObject) {
        self.json = json
    }

    public var provisioner: String { json[string: "provisioner"] ?? "" }
    public var parameters: [String: String] { json[map: "parameters"] }
    /// `Retain` or `Delete`, which is the default.
    public var reclaimPolicy: String { json[string: "reclaimPolicy"] ?? "Delete" }
    /// Whether a volume is made only after its first pod has a node.
    public var waitsForFirstConsumer: Bool { json[string: "volumeBindingMode"] == "WaitForFirstConsumer" }
    public var allowsVolumeExpansion: Bool { json[bool: "allowVolumeExpansion"] ?? false }
    public var mountOptions: [String] { json[strings: "mountOptions"] }
}

/// `storage.k8s.io/v1` VolumeAttachment.
public struct VolumeAttachment: KubernetesObject {
    public static let resource = ResourceKind(
        group: "storage.k8s.io",
        version: "v1",
        kind: "VolumeAttachment",
        plural: "volumeattachments",
        isNamespaced: false
    )

    public var json: JSONObject

    public init(json: JSONObject) {
        self.json = json
    }

    public var attacher: String { spec[string: "attacher"] ?? "" }
    public var nodeName: String { spec[string: "nodeName"] ?? "" }
    /// Nil for volumes that are part of a pod's own specification.
    public var volumeName: String? { spec[object: "source"][string: "persistentVolumeName"] }
    public var isAttached: Bool { status[bool: "attached"] ?? false }
}
