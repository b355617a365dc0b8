// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

/// Small records that last, kept by all the processes that serve one pool: the keys and values of one RADOS object, and
/// locks on it that run out by themselves (leases). Whoever loses its lease can't write what the lease guards.
public struct Records: Sendable {
    public let pool: Pool
    /// The object's name.
    public let object: String

    public init(pool: Pool, object: String) {
        self.pool = pool
        self.object = object
    }

    /// The right to write something, which one process has at a time.
    public struct Lease: Hashable, Sendable {
        public var name: String
        /// Different for each process.
        public var owner: String

        public init(name: String, owner: String) {
            self.name = name
            self.owner = owner
        }
    }

    /// Several changes that are made together, or not at all.
    public struct Change: Sendable {
        var values: [String: [UInt8]] = [:]
        var removals: Set<String> = []
        var absent: Set<String> = []
        var lease: Lease?

        public init() {}

        public mutating func set(_ key: String, to value: [UInt8]) {
            values[key] = value
        }

        public mutating func remove(_ key: String) {
            removals.insert(key)
        }

        /// Nothing is changed where there is such a key.
        public mutating func require(absent key: String) {
            absent.insert(key)
        }

        /// Nothing is changed where the lease has run out or is another's.
        public mutating func require(_ lease: Lease) {
            self.lease = lease
        }
    }

    /// Values by their keys, in the order of the keys.
    /// - Parameters:
    ///   - prefix: only keys that begin with it.
    ///   - after: only keys after this one.
    ///   - limit: at most so many.
    /// - Throws: `CephError` with `.poolNotFound`, `.timedOut`, `.poolUnavailable`, `.credentialsRefused`,
    ///   `.clientBlocklisted`.
    /// - C function: rados_read_op_omap_get_vals2
    public func values(
        prefix: String,
        after: String = "",
        limit: Int = .max
    ) async throws -> [(key: String, value: [UInt8])] {
        let (object, resource) = (object, pool.resource)
        return try await pool.withContext(.readRecord, on: resource) { context throws(CephError) in
            var found: [(key: String, value: [UInt8])] = []
            var last = after
            while found.count < limit {
                let count = min(limit - found.count, RecordRead.page)
                let page = try RecordRead.values(
                    object,
                    in: context,
                    prefix: prefix,
                    after: last,
                    limit: count,
                    resource
                )
                found += page.values
                guard page.hasMore, let key = page.values.last?.key else { break }
                last = key
            }
            return found
        }
    }

    /// The value of one key; nil where there is none.
    /// - Throws: `CephError` with `.poolNotFound`, `.timedOut`, `.poolUnavailable`, `.credentialsRefused`,
    ///   `.clientBlocklisted`.
    /// - C function: rados_read_op_omap_get_vals_by_keys2
    public func value(_ key: String) async throws -> [UInt8]? {
        let (object, resource) = (object, pool.resource)
        return try await pool.withContext(.readRecord, on: resource) { context throws(CephError) in
            try RecordRead.value(key, of: object, in: context, resource)
        }
    }

    /// Makes the changes.
    /// - Returns: false where what they require does not hold; then nothing was changed.
    /// - Throws: `CephError` with `.poolNotFound`, `.poolFull`, `.timedOut`, `.poolUnavailable`, `.credentialsRefused`,
    ///   `.clientBlocklisted`.
    /// - C function: rados_write_op_operate, rados_write_op_create, rados_write_op_omap_cmp2, rados_write_op_omap_set2,
    ///   rados_write_op_omap_rm_keys2, rados_write_op_exec (`assert_locked` of the class `lock`)
    public func apply(_ change: Change) async throws -> Bool {
        let (object, resource) = (object, pool.resource)
        return try await pool.withContext(.changeRecord, on: resource) { context throws(CephError) in
            try RecordWrite.apply(change, to: object, in: context, resource)
        }
    }

    /// Takes a lease, or lengthens the one that the owner has.
    /// - Returns: whether the owner has it now.
    /// - Throws: `CephError` with `.poolNotFound`, `.poolFull`, `.timedOut`, `.poolUnavailable`, `.credentialsRefused`,
    ///   `.clientBlocklisted`.
    /// - C function: rados_lock_exclusive
    public func take(_ lease: Lease, for duration: Duration) async throws -> Bool {
        let (object, resource) = (object, pool.resource)
        return try await pool.withContext(.changeRecord, on: resource) { context throws(CephError) in
            try RecordWrite.take(lease, for: duration, of: object, in: context, resource)
        }
    }

    /// Gives a lease back before it runs out.
    /// - Throws: `CephError` with `.poolNotFound`, `.timedOut`, `.poolUnavailable`, `.credentialsRefused`,
    ///   `.clientBlocklisted`.
    /// - C function: rados_unlock
    public func release(_ lease: Lease) async throws {
        let (object, resource) = (object, pool.resource)
        try await pool.withContext(.changeRecord, on: resource) { context throws(CephError) in
            try RecordWrite.release(lease, of: object, in: context, resource)
        }
    }
}

extension Cluster {
    /// The names of all pools that this client knows of. The monitors are not asked.
    /// - Throws: `CephError` with `.overloaded`, `.notStarted`, `.timedOut`.
    /// - C function: rados_pool_list
    public func knownPools() async throws -> [String] {
        let rados = rados
        // Past the breakers: nothing is asked of anybody.
        return try await calls.run(.openPool, on: .cluster) { () throws(CephError) in
            try rados.mapPools(.cluster)
        }
    }

    /// The pool that has an id, which stays the same when the pool is renamed.
    /// - Throws: `CephError` with `.poolNotFound`, `.overloaded`, `.notStarted`, `.timedOut`.
    /// - C function: rados_pool_reverse_lookup
    public func pool(id: Int64) async throws -> Pool {
        let rados = rados
        let name = try await calls.run(.openPool, on: .cluster) { () throws(CephError) in
            try rados.poolName(id: id)
        }
        return pool(name)
    }
}

extension Pool {
    /// The pool's id.
    /// - Throws: `CephError` with `.poolNotFound`, `.timedOut`, `.credentialsRefused`, `.clientBlocklisted`.
    /// - C function: rados_ioctx_get_id
    public func id() async throws -> Int64 {
        try await withContext(.openPool, on: .pool(name)) { context throws(CephError) in context.poolID }
    }
}
