// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

import Synchronization

/// What a watch or a list has changed.
public enum ObjectChange<Object: KubernetesObject>: Sendable {
    case added(Object)
    case modified(from: Object, to: Object)
    /// The object as it was last known.
    case deleted(Object)

    /// The object after the change.
    public var object: Object {
        switch self {
        case .added(let object), .deleted(let object): object
        case .modified(_, let object): object
        }
    }
}

/// The objects of a kind, as the API server has last told them.
public final class ObjectStore<Object: KubernetesObject>: Sendable {
    private let objects = Mutex<[ObjectKey: Object]>([:])

    init() {}

    /// Nil if there is no such object.
    public subscript(key: ObjectKey) -> Object? { objects.withLock { $0[key] } }

    public var count: Int { objects.withLock { $0.count } }

    /// All objects, in no order.
    public var all: [Object] { objects.withLock { Array($0.values) } }

    /// The result of an event.
    enum Outcome {
        /// The event was known already if there are none.
        case changes([ObjectChange<Object>])
        /// The event is older than what is known, but tells something else. The list must be read again.
        case outOfOrder
    }

    /// Takes over a list.
    /// - Returns: the differences from what was known.
    func replace(with list: [Object]) -> [ObjectChange<Object>] {
        var new: [ObjectKey: Object] = [:]
        new.reserveCapacity(list.count)
        for object in list { new[object.key] = object }
        let current = new
        let old = objects.withLock { objects in
            let old = objects
            objects = current
            return old
        }
        var changes: [ObjectChange<Object>] = []
        for (key, object) in old where current[key]?.metadata.uid != object.metadata.uid {
            changes.append(.deleted(object))
        }
        for (key, object) in current {
            let (known, new) = (old[key]?.metadata, object.metadata)
            if let known, known.uid == new.uid {
                if known.resourceVersion != new.resourceVersion, let before = old[key] {
                    changes.append(.modified(from: before, to: object))
                }
            } else {
                changes.append(.added(object))
            }
        }
        return changes
    }

    /// Takes over an added or modified object. The type of the event does not matter: after an interruption, a new
    /// object may come as modified.
    /// - Parameter version: the version of the last event, or of the list.
    func put(_ object: Object, after version: String) -> Outcome {
        let (key, new) = (object.key, object.metadata)
        return objects.withLock { objects -> Outcome in
            guard let known = objects[key] else {
                if isOlder(new.resourceVersion, version) || new.resourceVersion == version { return .outOfOrder }
                objects[key] = object
                return .changes([.added(object)])
            }
            let old = known.metadata
            if new.resourceVersion == old.resourceVersion || isOlder(new.resourceVersion, old.resourceVersion) {
                return .changes([])
            }
            objects[key] = object
            guard old.uid == new.uid else { return .changes([.deleted(known), .added(object)]) }
            return .changes([.modified(from: known, to: object)])
        }
    }

    /// Removes a deleted object.
    func remove(_ object: Object) -> Outcome {
        let (key, last) = (object.key, object.metadata)
        return objects.withLock { objects -> Outcome in
            guard let known = objects[key], known.metadata.uid == last.uid else { return .changes([]) }
            if isOlder(last.resourceVersion, known.metadata.resourceVersion) { return .outOfOrder }
            objects[key] = nil
            return .changes([.deleted(object)])
        }
    }
}

/// Whether a resource version is older than another one. They are numbers of etcd. Where they are not, no version is
/// older, and only equal ones are told apart.
private func isOlder(_ one: String, _ other: String) -> Bool {
    guard let one = UInt64(one), let other = UInt64(other) else { return false }
    return one < other
}
