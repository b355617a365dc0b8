// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

/// The options of a call that changes something.
public struct WriteOptions: Sendable {
    /// Whether the API server only checks the change (`dryRun=All`).
    public var isDryRun: Bool
    /// The name under which the API server records the changed fields; nil for the name of the program.
    public var fieldManager: String?
    public var timeLimit: Duration

    public init(
        isDryRun: Bool = false,
        fieldManager: String? = nil,
        timeLimit: Duration = KubernetesClient.defaultTimeLimit
    ) {
        self.isDryRun = isDryRun
        self.fieldManager = fieldManager
        self.timeLimit = timeLimit
    }

    var query: [(name: String, value: String?)] {
        [("dryRun", isDryRun ? "All" : nil), ("fieldManager", fieldManager)]
    }
}

/// Which objects a list or a watch has.
public struct Selection: Hashable, Sendable {
    /// Nil for all namespaces, and for objects without a namespace.
    public var namespace: String?
    /// Such as `app=web`.
    public var labels: String?
    /// Such as `metadata.name=data`.
    public var fields: String?

    public init(namespace: String? = nil, labels: String? = nil, fields: String? = nil) {
        self.namespace = namespace
        self.labels = labels
        self.fields = fields
    }

    var query: [(name: String, value: String?)] { [("labelSelector", labels), ("fieldSelector", fields)] }
}

/// A part of an object to change.
public enum Patch: Sendable {
    /// A JSON merge patch (RFC 7386): null removes a field, and a list replaces the whole list.
    case merge(JSONObject)
    /// A strategic merge patch of Kubernetes: some lists are merged. Custom resources do not have it.
    case strategic(JSONObject)
    /// A JSON patch (RFC 6902): operations, which may test the old value.
    case json([JSONObject])

    var contentType: String {
        switch self {
        case .merge: "application/merge-patch+json"
        case .strategic: "application/strategic-merge-patch+json"
        case .json: "application/json-patch+json"
        }
    }

    var body: JSONValue {
        switch self {
        case .merge(let object), .strategic(let object): .object(object)
        case .json(let operations): .array(operations.map { .object($0) })
        }
    }
}

/// What an object must be to be deleted (`meta/v1` Preconditions). The error is otherwise `Conflict`.
public struct Preconditions: Hashable, Sendable {
    public var uid: String?
    public var resourceVersion: String?

    public init(uid: String? = nil, resourceVersion: String? = nil) {
        self.uid = uid
        self.resourceVersion = resourceVersion
    }
}

/// A list of objects, and its version.
public struct ObjectList<Object: KubernetesObject>: Sendable {
    public var items: [Object]
    /// The version from which a watch continues.
    public var resourceVersion: String
    /// The token of the next page; nil for the last one.
    public var next: String?
}
