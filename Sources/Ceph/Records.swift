// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

/// Small persistent records, shared by all processes that serve one pool: the keys and values of one RADOS object.
/// Several are changed together, under conditions that the OSD checks in the same operation. The errors are those of
/// all calls of a ``Pool``.
public struct Records: Sendable {
    public let pool: Pool
    /// The object's name.
    public let object: String
    /// The pool to make the calls in; nil for the connection's own threads.
    public let threads: BlockingPool?

    public init(pool: Pool, object: String, threads: BlockingPool? = nil) {
        self.pool = pool
        self.object = object
        self.threads = threads
    }

    /// Several changes that are made together, or not at all.
    public struct Change: Sendable {
        var values: [String: [UInt8]] = [:]
        var removals: Set<String> = []
        var absent: Set<String> = []
        var expected: [String: [UInt8]] = [:]
        var asksTime = false

        public init() {}

        public mutating func set(_ key: String, to value: [UInt8]) {
            values[key] = value
        }

        public mutating func remove(_ key: String) {
            removals.insert(key)
        }

        /// Nothing is changed if this key exists.
        public mutating func require(absent key: String) {
            absent.insert(key)
        }

        /// Nothing is changed unless the key has this value.
        public mutating func require(_ key: String, equals value: [UInt8]) {
            expected[key] = value
        }

        /// Records the time of the change, by the clock of the OSD that makes it. ``Records/timeOfChange()`` returns
        /// it.
        public mutating func noteTime() {
            asksTime = true
        }
    }

    /// A state of the records. Each change creates a new one.
    public struct Version: Hashable, Sendable {
        let number: UInt64
    }

    func withObject<Value: Sendable>(
        _ operation: CephError.Operation = .readRecord,
        _ body: @escaping @Sendable (borrowing RecordObject) throws(CephError) -> Value
    ) async throws -> Value {
        let (object, resource) = (object, pool.resource)
        return try await pool.withContext(operation, on: resource, through: threads) { context throws(CephError) in
            let record = RecordObject(context: context, name: object, resource: resource)
            return try body(record)
        }
    }

    /// Whether nothing has changed since this version was read.
    /// - C function: rados_read_op_assert_version
    public func isUnchanged(since version: Version) async throws -> Bool {
        try await withObject { object throws(CephError) in
            try object.hasVersion(version.number)
        }
    }

    /// The version of the records, nil if there never were any, and then the values of the keys with this prefix. The
    /// values may include later changes, which have a newer version.
    /// - C function: rados_read_op_omap_get_vals2, rados_get_last_version
    public func versionAndValues(
        prefix: String
    ) async throws -> (version: Version?, values: [(key: String, value: [UInt8])]) {
        let first = try await withObject { object throws(CephError) in
            try object.values(prefix: prefix, after: "", limit: RecordObject.page)
        }
        var values = first.values
        if first.hasMore, let last = values.last?.key { values += try await self.values(prefix: prefix, after: last) }
        return (first.version.map(Version.init), values)
    }

    /// Values by their keys, sorted by key.
    /// - Parameters:
    ///   - prefix: only keys that begin with it.
    ///   - after: only keys after this one.
    ///   - limit: the maximum number of keys.
    /// - C function: rados_read_op_omap_get_vals2
    public func values(
        prefix: String,
        after: String = "",
        limit: Int = .max
    ) async throws -> [(key: String, value: [UInt8])] {
        try await withObject { object throws(CephError) in
            var found: [(key: String, value: [UInt8])] = []
            var last = after
            while found.count < limit {
                let count = min(limit - found.count, RecordObject.page)
                let page = try object.values(prefix: prefix, after: last, limit: count)
                found += page.values
                guard page.hasMore, let key = page.values.last?.key else { break }
                last = key
            }
            return found
        }
    }

    /// The value of one key; nil if it does not exist.
    /// - C function: rados_read_op_omap_get_vals_by_keys2
    public func value(_ key: String) async throws -> [UInt8]? {
        try await withObject { object throws(CephError) in
            try object.values(of: [key])[key]
        }
    }

    /// Makes the changes.
    /// - Returns: false if a condition is not met; then nothing was changed.
    /// - Throws: `CephError` with `.poolFull`.
    /// - C function: rados_write_op_operate, rados_write_op_create, rados_write_op_omap_cmp2, rados_write_op_omap_set2,
    ///   rados_write_op_omap_rm_keys2, rados_write_op_exec (`set_modify_timestamp` of the class `rbd`)
    public func apply(_ change: Change) async throws -> Bool {
        try await withObject(.changeRecord) { object throws(CephError) in
            try object.apply(change)
        }
    }

    /// The values of some keys; keys that do not exist are left out.
    /// - C function: rados_read_op_omap_get_vals_by_keys2
    public func values(of keys: [String]) async throws -> [String: [UInt8]] {
        try await withObject { object throws(CephError) in
            try object.values(of: keys)
        }
    }

    /// The time of the last change that recorded its time.
    /// - C function: rados_read_op_omap_get_vals_by_keys2
    public func timeOfChange() async throws -> ClusterTime {
        try await withObject { object throws(CephError) in
            try object.time()
        }
    }

    /// The current time, by the clock of the OSD that stores the records.
    /// - Throws: `CephError` with `.poolFull`.
    /// - C function: rados_write_op_operate (`set_modify_timestamp`), rados_read_op_omap_get_vals_by_keys2
    public func now() async throws -> ClusterTime {
        var change = Change()
        change.noteTime()
        _ = try await apply(change)
        return try await timeOfChange()
    }
}

extension Cluster {
    /// The names of all pools that this client knows. The monitors are not asked.
    /// - Throws: `CephError` with `.overloaded`, `.notStarted`, `.timedOut`.
    /// - C function: rados_pool_list
    public func knownPools() async throws -> [String] {
        let rados = rados
        // This bypasses the breakers, because nothing is sent to the cluster.
        return try await calls.run(.openPool, on: .cluster) { () throws(CephError) in
            try rados.mapPools(.cluster)
        }
    }

    /// The pool with this id, which stays the same when the pool is renamed.
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
    /// - C function: rados_ioctx_get_id
    public func id() async throws -> Int64 {
        try await withContext(.openPool, on: .pool(name)) { context throws(CephError) in context.poolID }
    }
}
