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

    /// How errors name an image of this place.
    public func resource(ofImage image: String) -> CephError.Resource {
        .image(image, namespace: namespace, pool: name)
    }

    var resource: CephError.Resource {
        namespace.isEmpty ? .pool(name) : .namespace(namespace, pool: name)
    }

    /// Runs a blocking call with an I/O context of its own.
    ///
    /// A pool that the client's map does not have is asked for first, in a call of its own: librados would wait for a
    /// monitor without any timeout, and the pool would get the blame.
    /// - Parameter threads: where to make the call; nil for the connection's own.
    func withContext<Value: Sendable>(
        _ operation: CephError.Operation,
        on resource: CephError.Resource,
        through threads: BlockingPool? = nil,
        isLong: Bool = false,
        _ body: @escaping @Sendable (consuming IOContext) throws(CephError) -> Value
    ) async throws -> Value {
        let (name, namespace, rados) = (name, namespace, cluster.rados)
        let call: @Sendable () throws(CephError) -> Value = { () throws(CephError) in
            let context = try IOContext(pool: name, namespace: namespace, rados: rados)
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
        Pool(cluster: self, name: name, namespace: namespace)
    }

    /// Sees to it that the client's map has a pool that was made a moment ago.
    /// - Throws: `CephError` with `.poolNotFound`, `.timedOut`, `.credentialsRefused`.
    /// - C function: rados_mon_command (`osd pool ls`), rados_wait_for_latest_osdmap
    func learnPool(named name: String) async throws {
        let rados = rados
        try await run(.openPool, on: .pool(name)) { () throws(CephError) in
            let names = try rados.refreshMap(.openPool, on: .pool(name))
            guard names.contains(name) else { throw CephError(.poolNotFound, .openPool, on: .pool(name)) }
        }
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

    /// - Throws: `CephError` with `.poolNotFound` where the client's map does not have the pool, `.clientBlocklisted`.
    /// - C function: rados_ioctx_create, rados_ioctx_set_namespace, rados_set_pool_full_try
    init(pool: String, namespace: String, rados: RadosHandle) throws(CephError) {
        guard try rados.mapHasPool(named: pool) else { throw CephError(.poolNotFound, .openPool, on: .pool(pool)) }
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
        // A write to a full pool comes back at once with EDQUOT or ENOSPC, instead of waiting for room.
        rados_set_pool_full_try(pointer)
        self.pointer = pointer
        self.pool = pool
        self.namespace = namespace
        self.rados = rados
    }

    deinit {
        rados_ioctx_destroy(pointer)
    }

    /// - C function: rados_ioctx_get_id
    var poolID: Int64 { rados_ioctx_get_id(pointer) }

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
    /// Whether the client's own map has the pool; the monitors are not asked.
    fileprivate func mapHasPool(named name: String) throws(CephError) -> Bool {
        try mapPools(.pool(name)).contains(name)
    }

    /// The names of the pools in the client's own map; the monitors are not asked.
    /// - C function: rados_pool_list
    func mapPools(_ resource: CephError.Resource) throws(CephError) -> [String] {
        var buffer = [CChar](repeating: 0, count: 4096)
        while true {
            let needed = Int(try check(rados_pool_list(pointer, &buffer, buffer.count), .openPool, on: resource))
            guard needed > buffer.count else { break }
            buffer = [CChar](repeating: 0, count: needed + 1024)
        }
        // Names one after another, each with its terminating zero; an empty one ends the list.
        return buffer.withUnsafeBytes { bytes in
            var names: [String] = []
            var rest = bytes[...]
            while let end = rest.firstIndex(of: 0), end > rest.startIndex {
                names.append(String(decoding: rest[..<end], as: UTF8.self))
                rest = rest[(end + 1)...]
            }
            return names
        }
    }

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
