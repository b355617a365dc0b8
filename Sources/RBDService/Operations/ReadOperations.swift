// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

import RBDAPI
import Synchronization

/// What operations were when they were listed last, so that a record is not read out of its JSON again while it stays the same:
/// of four thousand that takes a tenth of a second of processor time, whoever asks, and whatever he may see of them.
final class ReadOperations: Sendable {
    private struct Entry {
        var bytes: [UInt8]
        var operation: RBDAPI.Operation
    }

    /// More than that, of all pools together, are read anew each time. An entry has about a kilobyte.
    private static let most = 10_000

    private let byPool = Mutex<[String: [String: Entry]]>([:])

    /// The operations that a pool's records are about. Only those are remembered afterwards.
    /// - Parameter records: the values by their keys. What can't be read is left out.
    func operations(of pool: String, _ records: [(key: String, value: [UInt8])]) -> [RBDAPI.Operation] {
        let known = byPool.withLock { $0[pool] ?? [:] }
        var entries: [String: Entry] = [:]
        for (key, value) in records {
            if let entry = known[key], entry.bytes == value {
                entries[key] = entry
            } else if let operation = OperationRecord(value, in: pool)?.operation {
                entries[key] = Entry(bytes: value, operation: operation)
            }
        }
        byPool.withLock { byPool in
            let others = byPool.reduce(0) { $1.key == pool ? $0 : $0 + $1.value.count }
            byPool[pool] = others + entries.count <= Self.most && !entries.isEmpty ? entries : nil
        }
        return entries.values.map(\.operation)
    }
}
