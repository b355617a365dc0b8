// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

/// An object of the Kubernetes API. Its type has accessors for the fields that a controller uses; all other fields are
/// kept, and written back as they were read.
public protocol KubernetesObject: Sendable {
    static var resource: ResourceKind { get }

    /// The whole object.
    var json: JSONObject { get set }

    init(json: JSONObject)
}

extension KubernetesObject {
    /// Makes an object with a name, and nothing else.
    /// - Parameter namespace: nil for objects without a namespace.
    public init(named name: String, in namespace: String? = nil) {
        self.init(json: JSONObject())
        var metadata = ObjectMeta()
        metadata.name = name
        metadata.namespace = namespace
        self.metadata = metadata
    }

    public var metadata: ObjectMeta {
        get { ObjectMeta(json: json[object: "metadata"]) }
        set { json[object: "metadata"] = newValue.json }
    }

    /// What the object is to be; empty for kinds without a `spec`.
    public var spec: JSONObject {
        get { json[object: "spec"] }
        set { json[object: "spec"] = newValue }
    }

    /// What the object is; empty for kinds without a `status`.
    public var status: JSONObject {
        get { json[object: "status"] }
        set { json[object: "status"] = newValue }
    }

    /// The key of the object in stores and queues.
    public var key: ObjectKey { ObjectKey(namespace: metadata.namespace, name: metadata.name) }

    /// A reference to this object, as events and claims have it.
    public var reference: ObjectReference {
        var reference = ObjectReference()
        reference.apiVersion = Self.resource.apiVersion
        reference.kind = Self.resource.kind
        reference.namespace = metadata.namespace
        reference.name = metadata.name
        reference.uid = metadata.uid
        reference.resourceVersion = metadata.resourceVersion
        return reference
    }

    /// The object with its kind, which the items of a list do not have.
    var complete: JSONObject {
        var object = json
        object[string: "apiVersion"] = Self.resource.apiVersion
        object[string: "kind"] = Self.resource.kind
        return object
    }
}

/// The namespace and the name of an object.
public struct ObjectKey: Hashable, Sendable, CustomStringConvertible {
    /// Nil for objects without a namespace.
    public var namespace: String?
    public var name: String

    public init(namespace: String? = nil, name: String) {
        self.namespace = namespace
        self.name = name
    }

    /// `namespace/name`, or only the name.
    public var description: String { namespace.map { "\($0)/\(name)" } ?? name }
}
