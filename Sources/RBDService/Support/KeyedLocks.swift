// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

import Ceph
import Synchronization

/// One lock for each name. One task at a time holds it, in the order of their requests.
///
/// Requests of one process that use the same name wait for each other here. ``Claims`` do the same between processes.
final class KeyedLocks: Sendable {
    private struct Waiter {
        var id: UInt64
        var continuation: CheckedContinuation<Void, any Error>
    }

    private struct State {
        /// A key exists here as long as its lock is held.
        var queues: [String: [Waiter]] = [:]
        var lastID: UInt64 = 0
        /// Waiters that were cancelled before they were in the queue.
        var cancelled: Set<UInt64> = []
    }

    private let state = Mutex(State())

    /// Runs the body while it holds the key's lock.
    /// - Throws: `CephError` with `.notStarted` if the lock is not free by the task's deadline; `CancellationError`;
    ///   what the body throws.
    func withLock<Value: Sendable>(
        _ key: String,
        on resource: CephError.Resource,
        _ operation: CephError.Operation,
        _ body: () async throws -> Value
    ) async throws -> Value {
        try await acquire(key, on: resource, operation)
        // The lock is not released when the body ends, but when the last call that it made has ended. At its deadline a
        // request is answered, but its thread is still in librbd and changes the image.
        let token = Token(keeping: Hold.current) { self.release(key) }
        return try await Hold.$current.withValue(token) { try await body() }
    }

    /// Releases a lock with its last reference.
    private final class Token: CallHold {
        private let release: @Sendable () -> Void
        /// A lock that is taken while another is held keeps the other one, too.
        private let outer: (any CallHold)?

        init(keeping outer: (any CallHold)?, _ release: @escaping @Sendable () -> Void) {
            self.release = release
            self.outer = outer
        }

        func callEnded(_ operation: CephError.Operation, _ error: CephError?) {
            outer?.callEnded(operation, error)
        }

        deinit {
            release()
        }
    }

    private func acquire(
        _ key: String,
        on resource: CephError.Resource,
        _ operation: CephError.Operation
    ) async throws {
        let isFree = state.withLock { state in
            guard state.queues[key] == nil else { return false }
            state.queues[key] = []
            return true
        }
        if isFree { return }
        guard let deadline = Deadline.current else { return try await wait(key) }
        try await withThrowingTaskGroup(of: Outcome.self) { group in
            group.addTask {
                try await self.wait(key)
                return .acquired
            }
            group.addTask {
                try await Task.sleep(until: deadline, clock: .continuous)
                return .tooLate
            }
            let first = await group.nextResult()
            group.cancelAll()
            if case .success(.acquired) = first { return }
            // The lock may have become free just when the wait was given up. Then the next waiter gets it.
            while let other = await group.nextResult() {
                if case .success(.acquired) = other { release(key) }
            }
            if case .failure(let error) = first { throw error }
            throw CephError(.notStarted, operation, on: resource)
        }
    }

    private enum Outcome {
        case acquired, tooLate
    }

    private func wait(_ key: String) async throws {
        let id = state.withLock { state in
            state.lastID += 1
            return state.lastID
        }
        try await withTaskCancellationHandler {
            try await withCheckedThrowingContinuation { (continuation: CheckedContinuation<Void, any Error>) in
                let outcome: Result<Void, any Error>? = state.withLock { state in
                    if state.cancelled.remove(id) != nil { return .failure(CancellationError()) }
                    if state.queues[key] == nil {
                        state.queues[key] = []
                        return .success(())
                    }
                    state.queues[key]?.append(Waiter(id: id, continuation: continuation))
                    return nil
                }
                if let outcome { continuation.resume(with: outcome) }
            }
        } onCancel: {
            let waiter = state.withLock { state -> Waiter? in
                guard let index = state.queues[key]?.firstIndex(where: { $0.id == id }) else {
                    state.cancelled.insert(id)
                    return nil
                }
                return state.queues[key]?.remove(at: index)
            }
            waiter?.continuation.resume(throwing: CancellationError())
        }
        // If the cancellation came after the lock was given, its mark must be removed.
        state.withLock { _ = $0.cancelled.remove(id) }
    }

    private func release(_ key: String) {
        let next = state.withLock { state -> Waiter? in
            guard var queue = state.queues[key], !queue.isEmpty else {
                state.queues[key] = nil
                return nil
            }
            let next = queue.removeFirst()
            state.queues[key] = queue
            return next
        }
        next?.continuation.resume()
    }
}
