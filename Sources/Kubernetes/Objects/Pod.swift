// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

/// `core/v1` Pod.
public struct Pod: KubernetesObject {
    public static let resource = ResourceKind(version: "v1", kind: "Pod", plural: "pods", isNamespaced: true)

    public var json: JSONObject

    public init(json: JSONObject) {
        self.json = json
    }

    /// Nil before the pod has a node.
    public var nodeName: String? { spec[string: "nodeName"] }

    /// `Pending`, `Running`, `Succeeded`, `Failed` or `Unknown`.
    public var phase: String? { status[string: "phase"] }

    /// The names of the claims in `spec.volumes`.
    public var claimNames: [String] {
        spec[objects: "volumes"].compactMap { $0[object: "persistentVolumeClaim"][string: "claimName"] }
    }
}

/// `core/v1` Node.
public struct Node: KubernetesObject {
    public static let resource = ResourceKind(version: "v1", kind: "Node", plural: "nodes", isNamespaced: false)

    public var json: JSONObject

    public init(json: JSONObject) {
        self.json = json
    }

    /// The addresses in `status.addresses`: of machines, and names.
    public var addresses: [String] {
        status[objects: "addresses"].compactMap { $0[string: "address"] }
    }
}
