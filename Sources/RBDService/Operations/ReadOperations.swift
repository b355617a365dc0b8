// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

import Ceph
import RBDAPI
import Synchronization

/// What operations were when they were listed last, so that most of them need not be read again: of four thousand that
/// takes 50 ms of processor time, whoever asks, and whatever he may see of them (`dev/bench operations`).
///
/// While nothing was changed nothing is read. Else keys tell which operations there are, and those are read that have
/// not been known to be finished: a finished one stays as it is.
final class ReadOperations: Sendable {
    private struct NumberedPool: Hashable {
        /// A pool that is made anew under an old name has other operations.
        var id: Int64
        /// It is a part of each operation.
        var name: String
    }

    private struct Known {
        var version: Records.Version
        var newestFirst: [RBDAPI.Operation]
    }

    /// More than that, of all pools together, are not kept. One has about a kilobyte.
    private static let most = 10_000
    /// So many are asked for at once.
    private static let page = 1000

    private let byPool = Mutex<[NumberedPool: Known]>([:])

    /// The operations of a pool, the newest first. Those whose records can't be read are left out.
    func list(_ records: Records) async throws -> [RBDAPI.Operation] {
        let pool = NumberedPool(id: try await records.pool.id(), name: records.pool.name)
        let known = byPool.withLock { $0[pool] }
        if let known, try await records.isUnchanged(since: known.version) { return known.newestFirst }
        // In this order: what finishes in between is among both.
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
            // Some may be of pools that are gone.
            let others = byPool.values.reduce(0) { $0 + $1.newestFirst.count }
            if others + known.newestFirst.count > Self.most { byPool = [:] }
            byPool[pool] = known
        }
    }
}
