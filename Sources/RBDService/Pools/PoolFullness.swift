// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

import Ceph
import RBDAPI

/// Finds out which pool is full, how full it is, and what to do about it. That takes two requests to the monitors, so
/// it is not done before each write.
struct PoolFullness {
    private let cluster: Cluster
    private let pools: [String]

    init(_ pool: Ceph.Pool, dataPool: String? = nil) {
        cluster = pool.cluster
        pools = [pool.name] + (dataPool.map { [$0] } ?? [])
    }

    /// Checks the pools before a change that librbd would leave half-made.
    /// - Throws: `Problem` with `pool-full`.
    func requireRoom(for operation: CephError.Operation, on resource: CephError.Resource) async throws(Problem) {
        if let full = await problem(CephError(.poolFull, operation, on: resource)) { throw full }
    }

    /// Makes a change. If a pool is full, the problem contains its numbers.
    /// - Parameter pool: only evaluated if a pool is full: a change may be refused before there is a connection.
    static func telling<Value: Sendable>(
        _ pool: @autoclosure () throws -> Ceph.Pool,
        dataPool: String? = nil,
        _ body: () async throws -> Value
    ) async throws -> Value {
        do {
            return try await body()
        } catch let error as CephError where error.code == .poolFull {
            throw await PoolFullness(try pool(), dataPool: dataPool).problem(error) ?? Problem(error)
        }
    }

    /// - Returns: nil if none of the pools is full, or if they can't be checked.
    func problem(_ error: CephError) async -> Problem? {
        for pool in pools {
            guard let info = try? await cluster.poolInfo(named: pool), info.flags.contains("full") else { continue }
            return Self.problem(info, error)
        }
        return nil
    }

    static func problem(_ pool: PoolInfo, _ error: CephError) -> Problem {
        let stored = pool.usage.map { ByteCount($0.storedBytes).rounded } ?? "an unknown amount"
        let objects = pool.usage.map { "\($0.objects)" } ?? "an unknown number of"
        var reasons: [String] = []
        var hints: [String] = []
        if pool.quotaBytes > 0 {
            let quota = ByteCount(pool.quotaBytes).rounded
            reasons.append("it holds \(stored) of the \(quota) of its quota")
            hints.append("ceph osd pool set-quota \(pool.name) max_bytes \(Self.twice(pool.quotaBytes))")
        }
        if pool.quotaObjects > 0 {
            reasons.append("it holds \(objects) of the \(pool.quotaObjects) objects of its quota")
            hints.append("ceph osd pool set-quota \(pool.name) max_objects \(Self.twice(pool.quotaObjects))")
        }
        if !pool.flags.contains("full_quota") {
            reasons = ["it holds \(stored), and its OSDs are full"]
            hints = ["add OSDs or delete data; to be able to delete, raise the limit: ceph osd set-full-ratio"]
        }
        return Problem(
            .poolFull,
            detail: "pool \"\(pool.name)\" is full: \(reasons.joined(separator: "; "))",
            field: "pool",
            errno: error.errno,
            hint: hints.joined(separator: "; ")
        )
    }

    private static func twice(_ quota: UInt64) -> UInt64 {
        let (result, overflows) = quota.multipliedReportingOverflow(by: 2)
        return overflows ? .max : result
    }
}
