// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

/// A kind of object, and its place in the API: `/api/v1/persistentvolumes`, `/apis/storage.k8s.io/v1/storageclasses`.
public struct ResourceKind: Hashable, Sendable {
    /// The API group; empty for core.
    public var group: String
    public var version: String
    /// The kind of its objects, such as `PersistentVolume`.
    public var kind: String
    /// The name in paths, such as `persistentvolumes`.
    public var plural: String
    public var isNamespaced: Bool

    public init(group: String = "", version: String, kind: String, plural: String, isNamespaced: Bool) {
        self.group = group
        self.version = version
        self.kind = kind
        self.plural = plural
        self.isNamespaced = isNamespaced
    }

    /// The `apiVersion` of its objects, such as `v1` or `storage.k8s.io/v1`.
    public var apiVersion: String { group.isEmpty ? version : "\(group)/\(version)" }

    /// The parts of the path of an object, or of the list if there is no name.
    /// - Parameters:
    ///   - namespace: nil for objects without a namespace, and for the list of all namespaces.
    func path(namespace: String?, name: String? = nil, subresource: String? = nil) -> [String] {
        var path = group.isEmpty ? ["api", version] : ["apis", group, version]
        if isNamespaced, let namespace { path += ["namespaces", namespace] }
        path.append(plural)
        if let name { path.append(name) }
        if let subresource { path.append(subresource) }
        return path
    }
}
