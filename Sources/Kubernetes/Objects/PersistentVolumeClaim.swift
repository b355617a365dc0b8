// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

/// `core/v1` PersistentVolumeClaim.
public struct PersistentVolumeClaim: KubernetesObject {
    public static let resource = ResourceKind(
        version: "v1",
        kind: "PersistentVolumeClaim",
        plural: "persistentvolumeclaims",
        isNamespaced: true
    )

    public var json: JSONObject

    public init(json: JSONObject) {
        self.json = json
    }

    /// The volume that the claim is bound to; nil if there is none.
    public var volumeName: String? {
        get { spec[string: "volumeName"].flatMap { $0.isEmpty ? nil : $0 } }
        set { spec[string: "volumeName"] = newValue }
    }

    /// Empty for claims that take only volumes without a class; nil for the default class. The annotation that came
    /// before the field takes precedence, as in Kubernetes itself.
    public var storageClassName: String? {
        metadata.annotations["volume.beta.kubernetes.io/storage-class"] ?? spec[string: "storageClassName"]
    }

    /// `spec.resources.requests.storage`, a quantity.
    public var request: String? {
        get { spec[object: "resources"][object: "requests"][quantity: "storage"] }
        set { spec[object: "resources"][object: "requests"][quantity: "storage"] = newValue }
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

    /// The label selector for volumes; nil if there is none.
    public var selector: JSONObject? { spec["selector"]?.object }

    /// What the volume is to be filled with; nil if there is nothing. `dataSourceRef` takes precedence.
    public var dataSource: TypedReference? {
        (spec["dataSourceRef"]?.object ?? spec["dataSource"]?.object).map { TypedReference(json: $0) }
    }

    /// `Pending`, `Bound` or `Lost`.
    public var phase: String? { status[string: "phase"] }

    /// `status.capacity.storage`, a quantity: what the claim's user has.
    public var capacity: String? {
        get { status[object: "capacity"][quantity: "storage"] }
        set { status[object: "capacity"][quantity: "storage"] = newValue }
    }

    /// `status.allocatedResources.storage`, a quantity: what the volume grows to.
    public var allocatedCapacity: String? {
        get { status[object: "allocatedResources"][quantity: "storage"] }
        set { status[object: "allocatedResources"][quantity: "storage"] = newValue }
    }

    /// `status.allocatedResourceStatuses.storage`, such as `NodeResizePending`; nil if the volume does not grow.
    public var allocatedStatus: String? {
        get { status[object: "allocatedResourceStatuses"][string: "storage"] }
        set { status[object: "allocatedResourceStatuses"][string: "storage"] = newValue }
    }

    public var conditions: [Condition] {
        get { status[objects: "conditions"].map { Condition(json: $0) } }
        set { status[objects: "conditions"] = newValue.map(\.json) }
    }
}

/// `core/v1` PersistentVolumeClaimCondition, and the conditions of other kinds.
public struct Condition: Equatable, Sendable {
    public var json: JSONObject

    public init(json: JSONObject) {
        self.json = json
    }

    /// A condition that is true from a time on.
    public init(_ type: String, since time: KubernetesTime, message: String? = nil) {
        json = ["type": .string(type), "status": "True", "lastTransitionTime": .string(time.description)]
        json[string: "message"] = message
    }

    public var type: String { json[string: "type"] ?? "" }
    /// Whether `status` is `True`.
    public var isTrue: Bool { json[string: "status"] == "True" }
    public var reason: String? { json[string: "reason"] }
    public var message: String? { json[string: "message"] }
}

/// `core/v1` TypedObjectReference, and TypedLocalObjectReference, which has no namespace.
public struct TypedReference: Equatable, Sendable {
    public var json: JSONObject

    public init(json: JSONObject) {
        self.json = json
    }

    /// Empty for core.
    public var group: String { json[string: "apiGroup"] ?? "" }
    public var kind: String { json[string: "kind"] ?? "" }
    public var name: String { json[string: "name"] ?? "" }
    /// Nil for the namespace of the object that has the reference.
    public var namespace: String? { json[string: "namespace"] }
}
