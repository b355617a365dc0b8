// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

/// `core/v1` PersistentVolume.
public struct PersistentVolume: KubernetesObject {
    public static let resource = ResourceKind(
        version: "v1",
        kind: "PersistentVolume",
        plural: "persistentvolumes",
        isNamespaced: false
    )

    public var json: JSONObject

    public init(json: JSONObject) {
        self.json = json
    }

    /// `spec.capacity.storage`, a quantity.
    public var capacity: String? {
        get { spec[object: "capacity"][quantity: "storage"] }
        set { spec[object: "capacity"][quantity: "storage"] = newValue }
    }

    public var accessModes: [String] {
        get { spec[strings: "accessModes"] }
        set { spec[strings: "accessModes"] = newValue }
    }

    /// `Filesystem` or `Block`; nil means `Filesystem`.
    public var volumeMode: String? {
        get { spec[string: "volumeMode"] }
        set { spec[string: "volumeMode"] = newValue }
    }

    public var storageClassName: String? {
        get { spec[string: "storageClassName"] }
        set { spec[string: "storageClassName"] = newValue }
    }

    /// `Retain` or `Delete`.
    public var reclaimPolicy: String? {
        get { spec[string: "persistentVolumeReclaimPolicy"] }
        set { spec[string: "persistentVolumeReclaimPolicy"] = newValue }
    }

    public var mountOptions: [String] {
        get { spec[strings: "mountOptions"] }
        set { spec[strings: "mountOptions"] = newValue }
    }

    /// The claim that the volume is bound to, or is reserved for.
    public var claim: ObjectReference? {
        get { spec["claimRef"]?.object.map { ObjectReference(json: $0) } }
        set { spec["claimRef"] = newValue.map { .object($0.json) } }
    }

    /// `spec.csi`; nil for volumes of other kinds.
    public var csi: CSIVolumeSource? {
        get { spec["csi"]?.object.map { CSIVolumeSource(json: $0) } }
        set { spec["csi"] = newValue.map { .object($0.json) } }
    }

    /// `spec.rbd` of the plugin that Kubernetes had until 1.31; nil for volumes of other kinds.
    public var rbd: JSONObject? { spec["rbd"]?.object }

    /// `Pending`, `Available`, `Bound`, `Released` or `Failed`.
    public var phase: String? { status[string: "phase"] }
}

/// `core/v1` CSIPersistentVolumeSource.
public struct CSIVolumeSource: Equatable, Sendable {
    public var json: JSONObject

    public init(json: JSONObject = JSONObject()) {
        self.json = json
    }

    public var driver: String {
        get { json[string: "driver"] ?? "" }
        set { json[string: "driver"] = newValue }
    }

    public var volumeHandle: String {
        get { json[string: "volumeHandle"] ?? "" }
        set { json[string: "volumeHandle"] = newValue }
    }

    public var volumeAttributes: [String: String] {
        get { json[map: "volumeAttributes"] }
        set { json[map: "volumeAttributes"] = newValue }
    }

    public var fileSystem: String? {
        get { json[string: "fsType"] }
        set { json[string: "fsType"] = newValue }
    }

    public var isReadOnly: Bool { json[bool: "readOnly"] ?? false }

    public var nodeStageSecret: SecretReference? {
        get { secret("nodeStageSecretRef") }
        set { json["nodeStageSecretRef"] = newValue.map { .object($0.json) } }
    }

    public var controllerExpandSecret: SecretReference? {
        get { secret("controllerExpandSecretRef") }
        set { json["controllerExpandSecretRef"] = newValue.map { .object($0.json) } }
    }

    public var controllerPublishSecret: SecretReference? {
        get { secret("controllerPublishSecretRef") }
        set { json["controllerPublishSecretRef"] = newValue.map { .object($0.json) } }
    }

    private func secret(_ key: String) -> SecretReference? {
        json[key]?.object.map { SecretReference(json: $0) }
    }
}

/// `core/v1` SecretReference.
public struct SecretReference: Equatable, Sendable {
    public var json: JSONObject

    public init(json: JSONObject) {
        self.json = json
    }

    public init(namespace: String, name: String) {
        json = ["name": .string(name), "namespace": .string(namespace)]
    }

    public var name: String { json[string: "name"] ?? "" }
    public var namespace: String { json[string: "namespace"] ?? "" }
}
