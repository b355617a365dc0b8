// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

import Ceph
import RBDAPI

/// A pool, or a namespace of it, as a request names it.
struct ImagePlace: Hashable {
    var pool: String
    /// Empty for the pool's default namespace.
    var namespace: String

    func spec(_ image: String) -> ImageSpec {
        ImageSpec(pool: pool, namespace: namespace, image: image)
    }

    func resource(_ image: String) -> CephError.Resource {
        .image(image, namespace: namespace, pool: pool)
    }
}

/// How the services of images, snapshots and the like come to an image.
struct ImageAccess: Sendable {
    let connection: ClusterConnection
    let locks: KeyedLocks

    /// - Throws: `CephError` with `.clusterUnreachable` while there is no connection.
    func pool(_ place: ImagePlace) throws -> Ceph.Pool {
        try connection.cluster().pool(place.pool, namespace: place.namespace)
    }

    /// Changes an image while nobody else of this process does. A full pool, whatever part of the change met it, is told
    /// with its numbers.
    /// - Parameter dataPool: may be the full one, too.
    func alone<Value: Sendable>(
        _ name: String,
        in place: ImagePlace,
        _ operation: CephError.Operation,
        dataPool: String? = nil,
        _ body: () async throws -> Value
    ) async throws -> Value {
        // No part can hold a zero byte: requests with one are refused.
        let key = [place.pool, place.namespace, name].joined(separator: "\0")
        return try await PoolFullness.telling(try pool(place), dataPool: dataPool) {
            try await locks.withLock(key, on: place.resource(name), operation, body)
        }
    }

    /// Makes a change. Who it is that holds on to the image is told, where the change met somebody.
    func telling<Value: Sendable>(
        usersOf name: String,
        in place: ImagePlace,
        _ body: () async throws -> Value
    ) async throws -> Value {
        do {
            return try await body()
        } catch let error as CephError where error.code == .imageBusy {
            guard let use = try? await pool(place).use(ofImage: name) else { throw error }
            throw Problem(changing: place.spec(name), use) ?? Problem(error)
        }
    }
}
