// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

public import Naming

/// A pool or one of its namespaces, which holds images. It is a value: nothing is opened until it is used.
///
/// Each method that calls the cluster may throw `CephError` with `.poolNotFound`, `.poolUnavailable`, `.timedOut`,
/// `.credentialsRefused` and `.clientBlocklisted`, and with the codes of ``BlockingPool/run(_:on:deadline:_:)``. The
/// comment of a method says what else it throws.
public struct Pool: Sendable {
    public let cluster: Cluster
    public let place: Place

    public var name: String { place.pool }
    /// Empty for the pool's default namespace.
    public var namespace: String { place.namespace }

    /// The name of an image of this place in errors.
    public func resource(ofImage image: String) -> CephError.Resource {
        .image(place.image(image))
    }

    var resource: CephError.Resource {
        namespace.isEmpty ? .pool(name) : .namespace(place)
    }

    /// Runs a blocking call with its own I/O context.
    ///
    /// If the client's map does not have the pool, a separate call updates the map first. Otherwise librados would wait
    /// for a monitor without any timeout, and the pool would be blamed.
    /// - Parameter threads: the pool to make the call in; nil for the connection's own.
    func withContext<Value: Sendable>(
        _ operation: CephError.Operation,
        on resource: CephError.Resource,
        through threads: BlockingPool? = nil,
        isLong: Bool = false,
        _ body: @escaping @Sendable (consuming IOContext) throws(CephError) -> Value
    ) async throws -> Value {
        let place = place
        let call: @Sendable (RadosHandle) throws(CephError) -> Value = { rados throws(CephError) in
            let context = try IOContext(place, rados: rados)
            return try body(context)
        }
        do {
            return try await cluster.run(operation, on: resource, through: threads, isLong: isLong, call)
        } catch let error as CephError where error.code == .poolNotFound && error.operation == .openPool {
            try await cluster.learnPool(named: name)
            return try await cluster.run(operation, on: resource, through: threads, isLong: isLong, call)
        }
    }
}

extension Cluster {
    public func pool(_ name: String, namespace: String = "") -> Pool {
        pool(Place(pool: name, namespace: namespace))
    }

    public func pool(_ place: Place) -> Pool { Pool(cluster: self, place: place) }

    /// Ensures that the client's map has a pool that was just created.
    /// - Throws: `CephError` with `.poolNotFound`.
    /// - C function: rados_mon_command (`osd pool ls`), rados_wait_for_latest_osdmap
    func learnPool(named name: String) async throws {
        try await run(.openPool, on: .pool(name)) { rados throws(CephError) in
            let names = try rados.refreshMap(.openPool, on: .pool(name))
            guard names.contains(name) else { throw CephError(.poolNotFound, .openPool, on: .pool(name)) }
        }
    }
}
