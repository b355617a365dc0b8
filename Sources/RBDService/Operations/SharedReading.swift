// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

import Synchronization

/// Reads of the records of operations that many follow at once: thousands of readers of one operation's events ask for its record once.
final class SharedReading: Sendable {
    private struct Read {
        var begun: ContinuousClock.Instant
        var task: Task<OperationRecord?, any Error>
    }

    /// For so long what was read is what a reader of events gets.
    private static let freshness = Duration.milliseconds(200)

    private let reads = Mutex<[String: Read]>([:])

    /// The record of an operation as it was a moment ago.
    /// - Returns: nil where there is none. Whoever asks may not be allowed to know of it.
    /// - Throws: `CephError`.
    func record(_ id: String, in store: OperationStore) async throws -> OperationRecord? {
        let task = reads.withLock { reads in
            let now = ContinuousClock.now
            reads = reads.filter { now - $0.value.begun < Self.freshness }
            if let read = reads[id] { return read.task }
            // Detached: it is not the reader's alone, who may leave.
            let task = Task.detached { try await store.any(id) }
            reads[id] = Read(begun: now, task: task)
            return task
        }
        return try await task.value
    }
}
