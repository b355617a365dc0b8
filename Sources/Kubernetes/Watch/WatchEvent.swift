// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

/// `meta/v1` WatchEvent.
enum WatchEvent<Object: KubernetesObject>: Sendable {
    case added(Object)
    case modified(Object)
    /// The object as it was last.
    case deleted(Object)
    /// Nothing has changed up to this version.
    case bookmark(resourceVersion: String)
    case error(KubernetesError)

    /// - Throws: ``JSONError``; ``KubernetesError`` with `InvalidAnswer` if this is not an event.
    init(parsing line: [UInt8]) throws {
        let event = try JSONValue(parsing: line).object ?? JSONObject()
        guard let type = event[string: "type"], let object = event["object"]?.object else {
            throw KubernetesError(.invalidAnswer, message: "a line of a watch is not an event")
        }
        switch type {
        case "ADDED": self = .added(Object(json: object))
        case "MODIFIED": self = .modified(Object(json: object))
        case "DELETED": self = .deleted(Object(json: object))
        case "BOOKMARK":
            self = .bookmark(resourceVersion: object[object: "metadata"][string: "resourceVersion"] ?? "")
        case "ERROR": self = .error(KubernetesError(status: object))
        default: throw KubernetesError(.invalidAnswer, message: "an event of a watch has the unknown type \"\(type)\"")
        }
    }
}
