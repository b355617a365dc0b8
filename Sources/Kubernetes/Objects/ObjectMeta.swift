// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

/// `meta/v1` ObjectMeta.
public struct ObjectMeta: Equatable, Sendable {
    public var json: JSONObject

    public init(json: JSONObject = JSONObject()) {
        self.json = json
    }

    /// Empty if there is none.
    public var name: String {
        get { json[string: "name"] ?? "" }
        set { json[string: "name"] = newValue }
    }

    /// Nil for objects without a namespace.
    public var namespace: String? {
        get { json[string: "namespace"] }
        set { json[string: "namespace"] = newValue }
    }

    /// Empty before the object is created.
    public var uid: String {
        get { json[string: "uid"] ?? "" }
        set { json[string: "uid"] = newValue }
    }

    /// The version of the object's content. An update with a version fails if the object has another one by then. Empty
    /// before the object is created.
    public var resourceVersion: String {
        get { json[string: "resourceVersion"] ?? "" }
        set { json[string: "resourceVersion"] = newValue.isEmpty ? nil : newValue }
    }

    /// The number of changes to the `spec`; nil for kinds that do not count them.
    public var generation: Int64? { json[int: "generation"] }

    public var labels: [String: String] {
        get { json[map: "labels"] }
        set { json[map: "labels"] = newValue }
    }

    public var annotations: [String: String] {
        get { json[map: "annotations"] }
        set { json[map: "annotations"] = newValue }
    }

    public var finalizers: [String] {
        get { json[strings: "finalizers"] }
        set { json[strings: "finalizers"] = newValue }
    }

    public var creationTimestamp: KubernetesTime? { json[time: "creationTimestamp"] }

    /// When the deletion was requested; nil if it was not. The object exists until its finalizers are gone.
    public var deletionTimestamp: KubernetesTime? { json[time: "deletionTimestamp"] }

    public var ownerReferences: [OwnerReference] {
        get { json[objects: "ownerReferences"].map { OwnerReference(json: $0) } }
        set { json[objects: "ownerReferences"] = newValue.map(\.json) }
    }

    /// Who has set which field. API servers keep it if an update does not have it.
    var managedFields: JSONValue? {
        get { json["managedFields"] }
        set { json["managedFields"] = newValue }
    }
}

/// `meta/v1` OwnerReference.
public struct OwnerReference: Equatable, Sendable {
    public var json: JSONObject

    public init(json: JSONObject) {
        self.json = json
    }

    public var apiVersion: String { json[string: "apiVersion"] ?? "" }
    public var kind: String { json[string: "kind"] ?? "" }
    public var name: String { json[string: "name"] ?? "" }
    public var uid: String { json[string: "uid"] ?? "" }
    public var isController: Bool { json[bool: "controller"] ?? false }
}

/// `core/v1` ObjectReference.
public struct ObjectReference: Equatable, Sendable {
    public var json: JSONObject

    public init(json: JSONObject = JSONObject()) {
        self.json = json
    }

    public var apiVersion: String {
        get { json[string: "apiVersion"] ?? "" }
        set { json[string: "apiVersion"] = newValue.isEmpty ? nil : newValue }
    }

    public var kind: String {
        get { json[string: "kind"] ?? "" }
        set { json[string: "kind"] = newValue.isEmpty ? nil : newValue }
    }

    /// Nil for objects without a namespace.
    public var namespace: String? {
        get { json[string: "namespace"] }
        set { json[string: "namespace"] = newValue }
    }

    public var name: String {
        get { json[string: "name"] ?? "" }
        set { json[string: "name"] = newValue.isEmpty ? nil : newValue }
    }

    public var uid: String {
        get { json[string: "uid"] ?? "" }
        set { json[string: "uid"] = newValue.isEmpty ? nil : newValue }
    }

    public var resourceVersion: String {
        get { json[string: "resourceVersion"] ?? "" }
        set { json[string: "resourceVersion"] = newValue.isEmpty ? nil : newValue }
    }
}
