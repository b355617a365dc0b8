// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

internal import CRBD
internal import CRados
internal import Glibc
import Naming

/// Owns a `rados_ioctx_t` for the duration of one blocking call.
///
/// librados' contexts are cheap to create, but not safe to reconfigure while they are shared. So the namespace is set
/// once, right after creation, and the context is never passed on.
struct IOContext: ~Copyable {
    let pointer: rados_ioctx_t
    let rados: RadosHandle
    let place: Place

    var pool: String { place.pool }
    var namespace: String { place.namespace }

    /// - Throws: `CephError` with `.poolNotFound` if the client's map does not have the pool, `.clientBlocklisted`.
    /// - C function: rados_ioctx_create, rados_ioctx_set_namespace, rados_set_pool_full_try
    init(_ place: Place, rados: RadosHandle) throws(CephError) {
        let pool = place.pool
        guard try rados.mapPools(.pool(pool)).contains(pool) else {
            throw CephError(.poolNotFound, .openPool, on: .pool(pool))
        }
        var pointer: rados_ioctx_t?
        try check(rados_ioctx_create(rados.pointer, pool, &pointer), .openPool, on: .pool(pool))
        guard let pointer else { throw CephError(.other, .openPool, on: .pool(pool)) }
        self.init(pointer, place, rados: rados)
    }

    /// - Throws: `CephError` with `.poolNotFound`.
    /// - C function: rados_ioctx_create2, rados_ioctx_set_namespace
    init(poolID: Int64, namespace: String, rados: RadosHandle) throws(CephError) {
        let name = try rados.poolName(id: poolID)
        var pointer: rados_ioctx_t?
        try check(rados_ioctx_create2(rados.pointer, poolID, &pointer), .openPool, on: .pool(name))
        guard let pointer else { throw CephError(.other, .openPool, on: .pool(name)) }
        self.init(pointer, Place(pool: name, namespace: namespace), rados: rados)
    }

    private init(_ pointer: rados_ioctx_t, _ place: Place, rados: RadosHandle) {
        rados_ioctx_set_namespace(pointer, place.namespace)
        // A write to a full pool returns immediately with EDQUOT or ENOSPC, instead of waiting for room.
        rados_set_pool_full_try(pointer)
        self.pointer = pointer
        self.place = place
        self.rados = rados
    }

    deinit {
        rados_ioctx_destroy(pointer)
    }

    var poolID: Int64 { rados_ioctx_get_id(pointer) }

    /// Checks that this namespace exists. A list of a namespace that does not exist would be empty.
    /// - Throws: `CephError` with `.namespaceNotFound`.
    func requireNamespace() throws(CephError) {
        guard !namespace.isEmpty else { return }
        let resource = CephError.Resource.namespace(place)
        var exists = false
        try check(rbd_namespace_exists(pointer, namespace, &exists), .findNamespace, on: resource)
        guard exists else { throw CephError(.namespaceNotFound, .findNamespace, on: resource) }
    }
}

extension RadosHandle {
    /// The names of the pools in the client's own map. The monitors are not asked.
    func mapPools(_ resource: CephError.Resource) throws(CephError) -> [String] {
        try GrowingRoom.fill(from: 4096) { room, size in
            // This function returns the size that it needs, and no error if the buffer is too small.
            let needed = rados_pool_list(pointer, room, size)
            guard Int(needed) > size else { return needed }
            size = Int(needed)
            return -ERANGE
        } then: { (names: UnsafeMutablePointer<CChar>, _, result) throws(CephError) in
            GrowingRoom.texts(names, bytes: Int(try check(result, .openPool, on: resource)))
        }
    }

    /// - Throws: `CephError` with `.poolNotFound`.
    func poolName(id: Int64) throws(CephError) -> String {
        // This function does not say what size it needs.
        try GrowingRoom.fill(from: 256) {
            rados_pool_reverse_lookup(pointer, id, $0, $1)
        } then: { (name: UnsafeMutablePointer<CChar>, _, result) throws(CephError) in
            try check(result, .openPool, on: .pool("#\(id)"))
            return String(cString: name)
        }
    }
}
