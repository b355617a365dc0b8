// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

internal import CRBD
internal import CRados
internal import Glibc

/// A pool, or one of its namespaces, as the place where images are. A value: nothing is opened until it is used.
public struct Pool: Sendable {
    public let cluster: Cluster
    public let name: String
    /// Empty for the pool's default namespace.
    public let namespace: String

    func resource(_ image: String) -> CephError.Resource {
        .image(image, namespace: namespace, pool: name)
    }

    var resource: CephError.Resource {
        namespace.isEmpty ? .pool(name) : .namespace(namespace, pool: name)
    }

    /// Runs a blocking call with an I/O context of its own.
    func withContext<Value: Sendable>(
        _ operation: CephError.Operation,
        on resource: CephError.Resource,
        _ body: @escaping @Sendable (consuming IOContext) throws(CephError) -> Value
    ) async throws -> Value {
        let (name, namespace, rados) = (name, namespace, cluster.rados)
        return try await cluster.calls.run(operation, on: resource) { () throws(CephError) in
            let context = try IOContext(pool: name, namespace: namespace, rados: rados)
            return try body(context)
        }
    }
}

extension Cluster {
    public func pool(_ name: String, namespace: String = "") -> Pool {
        Pool(cluster: self, name: name, namespace: namespace)
    }
}

/// Owns a `rados_ioctx_t` for the length of one blocking call.
///
/// librados' contexts are cheap to make and not safe to reconfigure while shared, so the namespace is set once, right
/// after creation, and the context is never handed on.
struct IOContext: ~Copyable {
    let pointer: rados_ioctx_t
    let rados: RadosHandle
    let pool: String
    let namespace: String

    /// - Throws: `CephError` with `.poolNotFound`, `.clientBlocklisted`, `.timedOut`.
    /// - C function: rados_ioctx_create, rados_ioctx_set_namespace
    init(pool: String, namespace: String, rados: RadosHandle) throws(CephError) {
        var pointer: rados_ioctx_t?
        try check(rados_ioctx_create(rados.pointer, pool, &pointer), .openPool, on: .pool(pool))
        guard let pointer else { throw CephError(.other, .openPool, on: .pool(pool)) }
        self.init(pointer, pool: pool, namespace: namespace, rados: rados)
    }

    /// - Throws: `CephError` with `.poolNotFound`, `.clientBlocklisted`, `.timedOut`.
    /// - C function: rados_ioctx_create2, rados_ioctx_set_namespace
    init(poolID: Int64, namespace: String, rados: RadosHandle) throws(CephError) {
        let name = try rados.poolName(id: poolID)
        var pointer: rados_ioctx_t?
        try check(rados_ioctx_create2(rados.pointer, poolID, &pointer), .openPool, on: .pool(name))
        guard let pointer else { throw CephError(.other, .openPool, on: .pool(name)) }
        self.init(pointer, pool: name, namespace: namespace, rados: rados)
    }

    private init(_ pointer: rados_ioctx_t, pool: String, namespace: String, rados: RadosHandle) {
        rados_ioctx_set_namespace(pointer, namespace)
        self.pointer = pointer
        self.pool = pool
        self.namespace = namespace
        self.rados = rados
    }

    deinit {
        rados_ioctx_destroy(pointer)
    }

    /// Whether this namespace exists. Listing one that does not would look like listing an empty one.
    /// - Throws: `CephError` with `.namespaceNotFound`.
    /// - C function: rbd_namespace_exists
    func requireNamespace() throws(CephError) {
        guard !namespace.isEmpty else { return }
        let resource = CephError.Resource.namespace(namespace, pool: pool)
        var exists = false
        try check(rbd_namespace_exists(pointer, namespace, &exists), .findNamespace, on: resource)
        guard exists else { throw CephError(.namespaceNotFound, .findNamespace, on: resource) }
    }
}

extension RadosHandle {
    /// - Throws: `CephError` with `.poolNotFound`.
    /// - C function: rados_pool_reverse_lookup
    func poolName(id: Int64) throws(CephError) -> String {
        var buffer = [CChar](repeating: 0, count: 256)
        while true {
            let length = rados_pool_reverse_lookup(pointer, id, &buffer, buffer.count)
            if length == -ERANGE, buffer.count < 1 << 20 {
                buffer = [CChar](repeating: 0, count: buffer.count * 2)
                continue
            }
            try check(length, .openPool, on: .pool("#\(id)"))
            return String(decoding: buffer.prefix(Int(length)).map(UInt8.init(bitPattern:)), as: UTF8.self)
        }
    }
}
