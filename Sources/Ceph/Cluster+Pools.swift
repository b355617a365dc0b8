// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

internal import CRBD
internal import CRados
internal import Glibc
import Naming

extension Cluster {
    /// All pools, sorted by name.
    /// - C function: rados_mon_command (`osd pool ls detail`, `df detail`)
    public func pools() async throws -> [PoolInfo] {
        try await run(.listPools, on: .cluster) { rados throws(CephError) in
            try rados.poolInfos(.cluster)
        }
    }

    /// One pool.
    /// - Throws: `CephError` with `.poolNotFound`.
    /// - C function: rados_mon_command (`osd pool ls detail`, `df detail`)
    public func poolInfo(named name: String) async throws -> PoolInfo {
        try await run(.listPools, on: .pool(name)) { rados throws(CephError) in
            try rados.poolInfo(named: name)
        }
    }

    /// Creates a pool. The pool serves I/O when its placement groups are active:
    /// ``Pool/waitForPlacementGroups(_:call:on:)``. Images can be created in it after ``initializePool(named:on:)``.
    /// - Throws: `CephError` with `.poolExists`, `.invalidPoolOption` (its detail is the monitor's reason). If the pool
    ///   was created but overwrites or the autoscaler could not be set, the operation of the error is `.changePool`.
    /// - C function: rados_mon_command (`osd erasure-code-profile get`, `osd erasure-code-profile set`, `osd pool
    ///   create`, `osd pool set`), rados_wait_for_latest_osdmap
    public func createPool(named name: String, options: PoolOptions = PoolOptions()) async throws -> PoolInfo {
        try await run(.createPool, on: .pool(name)) { rados throws(CephError) in
            try rados.createPool(named: name, options: options)
        }
        // This is a separate call: a deadline that passes now must not look as if there were no pool.
        if options.erasureCode != nil { try await changePool(named: name, .allowOverwrites) }
        let info = try await readBack(name)
        guard let autoscale = options.autoscale, info.autoscale != autoscale else { return info }
        // The monitors of Ceph 14 ignore it when a pool is created.
        try await changePool(named: name, .autoscale(autoscale))
        return try await readBack(name)
    }

    /// A pool that was just created.
    private func readBack(_ name: String) async throws -> PoolInfo {
        try await run(.listPools, on: .pool(name)) { rados throws(CephError) in
            try Pool.readBack(.createPool, on: .pool(name)) { () throws(CephError) in
                try rados.poolInfo(named: name)
            }
        }
    }

    /// Changes one setting of a pool.
    /// - Throws: `CephError` with `.poolNotFound`, `.poolExists` (the new name), `.invalidPoolOption` (its detail is
    ///   the monitor's reason), `.poolBusy`.
    /// - C function: rados_mon_command (`osd pool set`, `osd pool set-quota`, `osd pool rename`),
    ///   rados_wait_for_latest_osdmap
    public func changePool(named name: String, _ change: PoolChange) async throws {
        try await run(.changePool, on: .pool(name)) { rados throws(CephError) in
            try rados.change(change, ofPool: name)
        }
    }

    /// The names of the cluster's erasure code profiles.
    /// - C function: rados_mon_command (`osd erasure-code-profile ls`)
    public func erasureCodeProfiles() async throws -> [String] {
        try await run(.listPools, on: .cluster) { rados throws(CephError) in
            try rados.answer(to: "osd erasure-code-profile ls", .listPools, on: .cluster)
        }
    }

    /// Enables the application `rbd` on a pool, and writes RBD's own records to it. Repeating this is safe.
    /// - Parameter threads: where to make the call; nil for the connection's own.
    /// - Throws: `CephError` with `.poolNotFound`.
    /// - C function: rados_wait_for_latest_osdmap, rbd_pool_init
    public func initializePool(named name: String, on threads: BlockingPool? = nil) async throws {
        try await run(.initializePool, on: .pool(name), through: threads) { rados throws(CephError) in
            try rados.initializePool(named: name)
        }
    }

    /// Deletes a pool and everything in it, immediately and for good.
    /// - Throws: `CephError` with `.poolNotFound`, `.poolDeletionDisabled` (its detail says what forbids it).
    /// - C function: rados_mon_command (`osd pool delete`), rados_wait_for_latest_osdmap
    public func deletePool(named name: String) async throws {
        try await run(.deletePool, on: .pool(name)) { rados throws(CephError) in
            try rados.deletePool(named: name)
        }
    }
}

extension RadosHandle {
    fileprivate func poolInfos(_ resource: CephError.Resource) throws(CephError) -> [PoolInfo] {
        let arguments: [String: MonitorValue] = ["detail": "detail"]
        let details: [PoolDetail] = try answer(to: "osd pool ls", with: arguments, .listPools, on: resource)
        let usage: PoolUsageAnswer = try answer(to: "df", with: arguments, .listPools, on: resource)
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
        var arguments: [String: MonitorValue] = ["pool": .string(name), "pool_type": "replicated"]
        if let code = options.erasureCode {
            arguments["pool_type"] = "erasure"
            arguments["erasure_code_profile"] = .string(try profile(for: code, pool: name))
        }
        if let pgNum = options.pgNum { arguments["pg_num"] = .integer(pgNum) }
        if let autoscale = options.autoscale { arguments["autoscale_mode"] = .string(autoscale.rawValue) }
        if let size = options.size {
            arguments["size"] = .integer(size)
            // The monitors require this before they create a pool with single copies. They still refuse unless
            // configured otherwise.
            if size == 1 { arguments["yes_i_really_mean_it"] = true }
        }
        let answer = try command("osd pool create", with: arguments, .createPool, on: .pool(name))
        // The monitors report success for a pool that existed before. Only their message shows it.
        if answer.message.contains("already exists") { throw CephError(.poolExists, .createPool, on: .pool(name)) }
        // The client's own map may not have the pool yet. Opening the pool would then wait for a monitor.
        try check(rados_wait_for_latest_osdmap(pointer), .createPool, on: .pool(name))
    }

    /// The name of the profile. A profile of the service itself is created here.
    private func profile(for code: ErasureCode, pool: String) throws(CephError) -> String {
        switch code {
        case .profile(let name): return name
        case .chunks(let data, let coding, let failureDomain):
            var name = "rbd-rest-api-\(data)-\(coding)"
            var values = ["k=\(data)", "m=\(coding)"]
            if let failureDomain {
                name += "-\(failureDomain)"
                values.append("crush-failure-domain=\(failureDomain)")
            }
            // Setting it again would be refused if another release of Ceph set it with other defaults.
            if let there = try erasureCodeProfile(named: name, .createPool, on: .pool(pool)), there.k == "\(data)",
                there.m == "\(coding)",
                failureDomain == nil || there.failureDomain == failureDomain
            {
                return name
            }
            let arguments: [String: MonitorValue] = ["name": .string(name), "profile": .strings(values)]
            _ = try command("osd erasure-code-profile set", with: arguments, .createPool, on: .pool(pool))
            return name
        }
    }

    fileprivate func change(_ change: PoolChange, ofPool name: String) throws(CephError) {
        let (prefix, arguments): (String, [String: MonitorValue]) =
            switch change {
            case .quotaBytes(let limit): ("set-quota", ["field": "max_bytes", "val": .string("\(limit)")])
            case .quotaObjects(let limit): ("set-quota", ["field": "max_objects", "val": .string("\(limit)")])
            case .autoscale(let mode): ("set", ["var": "pg_autoscale_mode", "val": .string(mode.rawValue)])
            // The monitors require this before they keep single copies. They still refuse unless configured otherwise.
            case .size(1): ("set", ["var": "size", "val": "1", "yes_i_really_mean_it": true])
            case .size(let size): ("set", ["var": "size", "val": .string("\(size)")])
            case .minSize(let size): ("set", ["var": "min_size", "val": .string("\(size)")])
            case .pgNum(let number): ("set", ["var": "pg_num", "val": .string("\(number)")])
            case .allowOverwrites: ("set", ["var": "allow_ec_overwrites", "val": "true"])
            case .rename(let newName): ("rename", ["destpool": .string(newName)])
            }
        let subject = ["pool": MonitorValue.string(name)]
        let renamed = ["srcpool": MonitorValue.string(name)]
        let all = arguments.merging(prefix == "rename" ? renamed : subject) { first, _ in first }
        _ = try command("osd pool \(prefix)", with: all, .changePool, on: .pool(name))
        // The next caller that opens the pool must find the new name.
        try check(rados_wait_for_latest_osdmap(pointer), .changePool, on: .pool(name))
    }

    fileprivate func initializePool(named name: String) throws(CephError) {
        // The pool may have just been created by another client.
        try check(rados_wait_for_latest_osdmap(pointer), .initializePool, on: .pool(name))
        let context = try IOContext(Place(pool: name), rados: self)
        try check(rbd_pool_init(context.pointer, false), .initializePool, on: .pool(name))
    }

    fileprivate func deletePool(named name: String) throws(CephError) {
        // If a monitor is slow, librados sends the command again. The answer is then that there is no such pool.
        let isThere = try refreshMap(.deletePool, on: .pool(name)).contains(name)
        let arguments: [String: MonitorValue] = [
            "pool": .string(name), "pool2": .string(name), "yes_i_really_really_mean_it": true,
        ]
        let answer = try command("osd pool delete", with: arguments, .deletePool, on: .pool(name))
        if !isThere, answer.message.contains("does not exist") {
            throw CephError(.poolNotFound, .deletePool, on: .pool(name))
        }
        try check(rados_wait_for_latest_osdmap(pointer), .deletePool, on: .pool(name))
    }
}
