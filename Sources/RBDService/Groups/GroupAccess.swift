// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

import Ceph
import RBDAPI

/// A group as a request names it.
struct GroupPlace: Hashable {
    var place: ImagePlace
    var name: String

    /// As `rbd` writes it.
    var spec: String { place.spec(name).description }

    var resource: CephError.Resource { .group(name, namespace: place.namespace, pool: place.pool) }

    func spec(ofSnapshot snapshot: String) -> String { "\(spec)@\(snapshot)" }
}

extension ImageAccess {
    /// Changes a group while nobody else of this process does.
    func alone<Value: Sendable>(
        with group: GroupPlace,
        _ operation: CephError.Operation,
        _ body: () async throws -> Value
    ) async throws -> Value {
        // One part more than an image's key has.
        let key = [group.place.pool, group.place.namespace, group.name, "group"].joined(separator: "\0")
        return try await PoolFullness.telling(try pool(group.place)) {
            try await locks.withLock(key, on: group.resource, operation, body)
        }
    }

    /// Changes a group that no operation is at work on.
    /// - Throws: `Problem` with `operation-in-progress`; what the body throws.
    func changing<Value: Sendable>(
        _ group: GroupPlace,
        _ operation: CephError.Operation,
        _ store: OperationStore,
        _ body: () async throws -> Value
    ) async throws -> Value {
        try await alone(with: group, operation) {
            if let other = try await store.unfinished(onGroup: group) {
                throw OperationStore.inProgress(other, "group \"\(group.spec)\"", field: "group")
            }
            return try await body()
        }
    }

    /// Changes images while nobody else of this process changes any of them. They are taken in the order of their names, so
    /// that two that want the same never wait for each other.
    func alone<Value: Sendable>(
        withAll images: [Ceph.GroupImage],
        _ operation: CephError.Operation,
        _ body: () async throws -> Value
    ) async throws -> Value {
        let sorted = Set(images).sorted { ($0.pool, $0.name) < ($1.pool, $1.name) }
        return try await alone(withRest: sorted[...], operation, body)
    }

    private func alone<Value: Sendable>(
        withRest images: ArraySlice<Ceph.GroupImage>,
        _ operation: CephError.Operation,
        _ body: () async throws -> Value
    ) async throws -> Value {
        guard let image = images.first else { return try await body() }
        let place = ImagePlace(pool: image.pool, namespace: image.namespace)
        return try await alone(image.name, in: place, operation) {
            try await alone(withRest: images.dropFirst(), operation, body)
        }
    }
}
