// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

import Ceph
import RBDAPI

/// The rules of pools.
struct PoolService: Sendable {
    let connection: ClusterConnection

    func list(prefix: String, after cursor: Cursor?, limit: Int) async throws -> Page<RBDAPI.Pool> {
        let all = try await connection.cluster().pools()
        let wanted = all.filter { pool in
            (prefix.isEmpty || pool.name.hasPrefix(prefix)) && cursor.map { $0.name < pool.name } ?? true
        }
        let items = wanted.prefix(limit)
        let next = wanted.count > limit ? items.last.map { Cursor(name: $0.name).text } : nil
        return Page(items: items.map(RBDAPI.Pool.init), nextCursor: next)
    }

    func get(_ name: String) async throws -> RBDAPI.Pool {
        RBDAPI.Pool(try await connection.cluster().poolInfo(named: name))
    }

    func create(_ request: CreatePoolRequest) async throws -> RBDAPI.Pool {
        try ImageRules.checkName(request.name, field: "name", what: "pool")
        let options = PoolOptions(
            pgNum: try Self.check(request.pgNum, in: 1...65_536, field: "pgNum"),
            size: try Self.check(request.size, in: 1...10, field: "size"),
            autoscale: try Self.autoscale(request.autoscale)
        )
        do {
            return RBDAPI.Pool(try await connection.cluster().createPool(named: request.name, options: options))
        } catch let error as CephError where error.operation == .initializePool {
            var problem = Problem(error)
            problem.detail += "; the pool was created, but it is not yet made ready for RBD"
            problem.hint = "rbd pool init \(request.name)"
            throw problem
        } catch let error as CephError where error.code == .invalidPoolOption {
            var problem = Problem(error)
            problem.field = Self.field(blamedBy: error)
            throw problem
        }
    }

    /// Deletes a pool with all its images.
    /// - Parameter confirmation: must be the pool's name.
    func delete(_ name: String, confirmation: String?) async throws {
        guard confirmation == name else {
            throw Problem(
                .confirmationRequired,
                detail: "deleting pool \"\(name)\" destroys every image in it for ever",
                field: "confirm",
                hint: "add ?confirm=\(PercentEncoding.encode(name)) to say that it is meant"
            )
        }
        try await connection.cluster().deletePool(named: name)
    }

    private static func check(_ value: Int?, in range: ClosedRange<Int>, field: String) throws(Problem) -> Int? {
        guard let value else { return nil }
        guard range.contains(value) else {
            throw Problem(
                .invalidPoolOption,
                detail: "\(field): it must be from \(range.lowerBound) to \(range.upperBound)",
                field: field
            )
        }
        return value
    }

    private static func autoscale(_ text: String?) throws(Problem) -> PoolOptions.Autoscale? {
        guard let text else { return nil }
        guard let mode = PoolOptions.Autoscale(rawValue: text) else {
            throw Problem(
                .invalidPoolOption,
                detail: "autoscale: it must be \"on\", \"off\" or \"warn\"",
                field: "autoscale"
            )
        }
        return mode
    }

    /// The monitors refuse too many placement groups and, unless configured to, single copies; they say which.
    private static func field(blamedBy error: CephError) -> String? {
        guard let words = error.detail else { return nil }
        if words.contains("pg_num") || words.contains("pgs") { return "pgNum" }
        return words.contains("size") ? "size" : nil
    }
}

extension RBDAPI.Pool {
    init(_ info: PoolInfo) {
        self.init(
            name: info.name,
            id: info.id,
            type: info.isErasureCoded ? "erasure" : "replicated",
            size: info.size,
            minSize: info.minSize,
            pgNum: info.pgNum,
            autoscale: info.autoscale.rawValue,
            applications: info.applications,
            flags: info.flags,
            quota: PoolQuota(maxBytes: info.quotaBytes, maxObjects: info.quotaObjects),
            usage: info.usage.map { usage in
                PoolUsage(
                    storedBytes: usage.storedBytes,
                    usedBytes: usage.usedBytes,
                    availableBytes: usage.availableBytes,
                    objects: usage.objects
                )
            }
        )
    }
}
