// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

import Ceph
import RBDAPI
import Synchronization

/// A cache of operations, so that a list need not read most of them again. Reading four thousand takes 50 ms of
/// processor time, whatever the caller may see of them (`dev/bench operations`).
///
/// If nothing has changed, nothing is read. Otherwise the keys tell which operations exist. Only the records of
/// operations that are not known to be finished are read, because finished operations never change.
final class ReadOperations: Sendable {
    private struct NumberedPool: Hashable {
        /// A new pool with the name of an old one has other operations.
        var id: Int64
        /// The name is part of each operation.
        var name: String
    }

    private struct Known {
        var version: Records.Version
        var newestFirst: [RBDAPI.Operation]
    }

    /// The maximum number of operations in the cache, for all pools together. One takes about a kilobyte.
    private static let most = 10_000
    /// The number of records that are read in one call.
    private static let page = 1000

    private let byPool = Mutex<[NumberedPool: Known]>([:])

    /// The operations of a pool, newest first. Operations whose records can't be read are left out.
    func list(_ records: Records) async throws -> [RBDAPI.Operation] {
        let pool = NumberedPool(id: try await records.pool.id(), name: records.pool.name)
        let known = byPool.withLock { $0[pool] }
        if let known, try await records.isUnchanged(since: known.version) { return known.newestFirst }
        // In this order: an operation that finishes in between is then in both.
        let open = try await records.versionAndValues(prefix: Records.openPrefix)
        // Most pools have never had an operation.
        guard let version = open.version else { return [] }
        let finished = try await records.values(prefix: Records.finishedPrefix)
        let openIDs = Set(open.values.map { String($0.key.dropFirst(Records.openPrefix.count)) })
        let finishedIDs = finished.compactMap { $0.key.split(separator: ".").last.map(String.init) }
        let finishedBefore = Dictionary(
            (known?.newestFirst ?? []).filter { $0.state.isFinished }.map { ($0.id, $0) }
        ) { first, _ in first }
        var operations: [RBDAPI.Operation] = []
        var unknown = Array(openIDs)
        for id in finishedIDs where !openIDs.contains(id) {
            if let operation = finishedBefore[id] { operations.append(operation) } else { unknown.append(id) }
        }
        for begin in stride(from: 0, to: unknown.count, by: Self.page) {
            let keys = unknown[begin..<min(begin + Self.page, unknown.count)].map { "operation.\($0)" }
            for value in try await records.values(of: keys).values {
                if let operation = OperationRecord(value, in: pool.name)?.operation { operations.append(operation) }
            }
        }
        operations.sort(by: RBDAPI.Operation.isNewer)
        remember(Known(version: version, newestFirst: operations), of: pool)
        return operations
    }

    private func remember(_ known: Known, of pool: NumberedPool) {
        byPool.withLock { byPool in
            byPool[pool] = nil
            guard known.newestFirst.count <= Self.most else { return }
            // Some cached operations may be of pools that are gone.
            let others = byPool.values.reduce(0) { $0 + $1.newestFirst.count }
            if others + known.newestFirst.count > Self.most { byPool = [:] }
            byPool[pool] = known
        }
    }
}
