// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

internal import CRBD
internal import CRados

extension Cluster {
    /// All pools, in the order of their names.
    /// - Throws: `CephError` with `.timedOut`, `.credentialsRefused`, `.clientBlocklisted`.
    /// - C function: rados_mon_command (`osd pool ls detail`, `df detail`)
    public func pools() async throws -> [PoolInfo] {
        let rados = rados
        return try await run(.listPools, on: .cluster) { () throws(CephError) in
            try rados.poolInfos(.cluster)
        }
    }

    /// One pool.
    /// - Throws: `CephError` with `.poolNotFound`, `.timedOut`, `.credentialsRefused`, `.clientBlocklisted`.
    /// - C function: rados_mon_command (`osd pool ls detail`, `df detail`)
    public func poolInfo(named name: String) async throws -> PoolInfo {
        let rados = rados
        return try await run(.listPools, on: .pool(name)) { () throws(CephError) in
            try rados.poolInfo(named: name)
        }
    }

    /// Creates a replicated pool and makes it ready for RBD, which waits for its placement groups.
    /// - Throws: `CephError` with `.poolExists`, `.invalidPoolOption` (its detail is the monitor's reason), `.timedOut`,
    ///   `.credentialsRefused`. Where the pool was created but could not be made ready, the operation of the error is
    ///   `.initializePool`.
    /// - C function: rados_mon_command (`osd pool create`), rados_wait_for_latest_osdmap, rbd_pool_init
    public func createPool(named name: String, options: PoolOptions = PoolOptions()) async throws -> PoolInfo {
        let rados = rados
        return try await run(.createPool, on: .pool(name)) { () throws(CephError) in
            try rados.createPool(named: name, options: options)
            try rados.initializePool(named: name)
            do throws(CephError) {
                return try rados.poolInfo(named: name)
            } catch {
                // The create must not look as if nothing had happened.
                throw CephError(
                    error.code == .poolNotFound ? .other : error.code,
                    .createPool,
                    on: .pool(name),
                    errno: error.errno,
                    detail: "it was created, but could not be read back"
                )
            }
        }
    }

    /// Marks a pool as RBD's and writes what RBD keeps in it. Doing it again does no harm.
    /// - Throws: `CephError` with `.poolNotFound`, `.timedOut`, `.credentialsRefused`.
    /// - C function: rbd_pool_init
    public func initializePool(named name: String) async throws {
        let rados = rados
        try await run(.initializePool, on: .pool(name)) { () throws(CephError) in
            try rados.initializePool(named: name)
        }
    }

    /// Deletes a pool with everything in it, at once and for ever.
    /// - Throws: `CephError` with `.poolNotFound`, `.poolDeletionDisabled` (its detail says what forbids it),
    ///   `.timedOut`, `.credentialsRefused`.
    /// - C function: rados_mon_command (`osd pool delete`), rados_wait_for_latest_osdmap
    public func deletePool(named name: String) async throws {
        let rados = rados
        try await run(.deletePool, on: .pool(name)) { () throws(CephError) in
            try rados.deletePool(named: name)
        }
    }
}

extension RadosHandle {
    fileprivate func poolInfos(_ resource: CephError.Resource) throws(CephError) -> [PoolInfo] {
        let details = try command(MonitorCommand("osd pool ls", ["detail": "detail"]), .listPools, on: resource)
            .decoded(as: [PoolDetail].self, .listPools)
        let usage = try command(MonitorCommand("df", ["detail": "detail"]), .listPools, on: resource)
            .decoded(as: PoolUsageAnswer.self, .listPools)
        let stats = Dictionary(usage.pools.map { ($0.id, $0.stats) }) { first, _ in first }
        return details.map { $0.info(usage: stats[$0.poolID]) }.sorted { $0.name < $1.name }
    }

    fileprivate func poolInfo(named name: String) throws(CephError) -> PoolInfo {
        guard let pool = try poolInfos(.pool(name)).first(where: { $0.name == name }) else {
            throw CephError(.poolNotFound, .listPools, on: .pool(name))
        }
        return pool
    }

    fileprivate func createPool(named name: String, options: PoolOptions) throws(CephError) {
        var arguments: [String: MonitorCommand.Value] = ["pool": .string(name), "pool_type": "replicated"]
        if let pgNum = options.pgNum { arguments["pg_num"] = .integer(pgNum) }
        if let autoscale = options.autoscale { arguments["autoscale_mode"] = .string(autoscale.rawValue) }
        if let size = options.size {
            arguments["size"] = .integer(size)
            // The monitors ask for it before they make a pool of single copies; they still refuse unless configured to.
            if size == 1 { arguments["yes_i_really_mean_it"] = true }
        }
        let answer = try command(MonitorCommand("osd pool create", arguments), .createPool, on: .pool(name))
        // The monitors report success for a pool that was there before; only their words tell.
        if answer.message.contains("already exists") { throw CephError(.poolExists, .createPool, on: .pool(name)) }
        // Our own map may lack the pool, and opening it would then wait for a monitor.
        try check(rados_wait_for_latest_osdmap(pointer), .createPool, on: .pool(name))
    }

    fileprivate func initializePool(named name: String) throws(CephError) {
        let context = try IOContext(pool: name, namespace: "", rados: self)
        try check(rbd_pool_init(context.pointer, false), .initializePool, on: .pool(name))
    }

    fileprivate func deletePool(named name: String) throws(CephError) {
        let arguments: [String: MonitorCommand.Value] = [
            "pool": .string(name), "pool2": .string(name), "yes_i_really_really_mean_it": true,
        ]
        let answer = try command(MonitorCommand("osd pool delete", arguments), .deletePool, on: .pool(name))
        if answer.message.contains("does not exist") { throw CephError(.poolNotFound, .deletePool, on: .pool(name)) }
        try check(rados_wait_for_latest_osdmap(pointer), .deletePool, on: .pool(name))
    }
}
