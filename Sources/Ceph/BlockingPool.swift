// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

internal import Dispatch
import Synchronization

/// The only door to a blocking C call: a bounded number of threads, a bounded queue, and a deadline for the caller.
///
/// librbd creates, removes and clones by blocking calls only, and no librados call can be cancelled. On Swift's
/// cooperative threads a few such calls would stop the whole process. Here the damage is bounded: the queue refuses
/// work beyond its limit at once, a caller is let go at its deadline even if its thread is not, and work that a
/// cancelled task left in the queue is dropped. Work that has started always runs to its end.
public final class BlockingPool: Sendable {
    public struct Limits: Hashable, Sendable {
        /// Threads that may be inside Ceph at once.
        public var threads: Int
        /// Calls that may wait for a thread; one more is refused.
        public var queue: Int

        public init(threads: Int = 16, queue: Int = 256) {
            self.threads = threads
            self.queue = queue
        }
    }

    /// A look at the pool, for metrics and tests.
    public struct Snapshot: Hashable, Sendable {
        public var threads = 0
        public var running = 0
        public var queued = 0
        /// Running calls whose caller was let go at its deadline.
        public var abandoned = 0
    }

    public let limits: Limits
    private let state = Mutex(State())
    private let workAvailable = DispatchSemaphore(value: 0)
    private let deadlineArmed = DispatchSemaphore(value: 0)

    public init(limits: Limits = Limits()) {
        self.limits = limits
    }

    public var snapshot: Snapshot {
        state.withLock { state in
            Snapshot(
                threads: state.threads,
                running: state.running.count,
                queued: state.queue.count,
                abandoned: state.running.values.count { $0.isSettled }
            )
        }
    }

    /// Runs a blocking call on a thread of this pool.
    /// - Throws: `CephError` with `.overloaded` when the queue is full, `.timedOut` when the deadline passes first (the
    ///   outcome of the call is then unknown), `.shutDown` after ``shutdown()``; `CancellationError` when the task is
    ///   cancelled before the call has started; whatever the call throws.
    public func run<Value: Sendable>(
        _ operation: CephError.Operation,
        on resource: CephError.Resource,
        deadline: ContinuousClock.Instant? = Deadline.current,
        _ body: @escaping @Sendable () throws(CephError) -> Value
    ) async throws -> Value {
        try Task.checkCancellation()
        let call = Call<Value>(operation: operation, resource: resource, deadline: deadline, body: body)
        return try await withTaskCancellationHandler {
            try await withCheckedThrowingContinuation { continuation in
                call.hold(continuation)
                submit(call)
                // A cancellation that came before the call was in the queue did not find it there.
                if Task.isCancelled, dequeue(call) { call.settle(throwing: CancellationError()) }
            }
        } onCancel: {
            if dequeue(call) { call.settle(throwing: CancellationError()) }
        }
    }

    /// Refuses new work and lets the threads end once the queue is empty. Work already accepted is still done.
    public func shutdown() {
        let threads = state.withLock { state in
            state.isShutDown = true
            return state.threads
        }
        for _ in 0..<threads { workAvailable.signal() }
        deadlineArmed.signal()
    }

    // MARK: The queue

    private struct State {
        var queue: [any BlockingCall] = []
        var running: [ObjectIdentifier: any BlockingCall] = [:]
        var threads = 0
        /// Threads that wait for work; a new one counts from the moment in which it is asked for.
        var idle = 0
        var isShutDown = false
        var watchdogRuns = false
        /// When the watchdog will look next; nil while it sleeps until it is woken.
        var nextLook: ContinuousClock.Instant?
    }

    private enum Admission {
        case refused(CephError.Code)
        case queued(startThread: Int?, startWatchdog: Bool, wakeWatchdog: Bool)
    }

    private func submit(_ call: some BlockingCall) {
        let admission = state.withLock { state -> Admission in
            if state.isShutDown { return .refused(.shutDown) }
            if state.running.count + state.queue.count >= limits.threads + limits.queue { return .refused(.overloaded) }
            state.queue.append(call)
            var startThread: Int?
            if state.queue.count > state.idle, state.threads < limits.threads {
                state.threads += 1
                state.idle += 1
                startThread = state.threads
            }
            var startWatchdog = false
            var wakeWatchdog = false
            if let deadline = call.deadline, state.nextLook.map({ deadline < $0 }) ?? true {
                state.nextLook = deadline
                startWatchdog = !state.watchdogRuns
                wakeWatchdog = state.watchdogRuns
                state.watchdogRuns = true
            }
            return .queued(startThread: startThread, startWatchdog: startWatchdog, wakeWatchdog: wakeWatchdog)
        }
        switch admission {
        case .refused(let code):
            call.settle(throwing: CephError(code, call.operation, on: call.resource))
        case .queued(let number, let startWatchdog, let wakeWatchdog):
            if let number, !NativeThread.start(named: "ceph-call-\(number)", { self.work() }) {
                // Out of threads: the others take the call, or its deadline does, and the next call tries again.
                state.withLock { state in
                    state.threads -= 1
                    state.idle -= 1
                }
            }
            if startWatchdog, !NativeThread.start(named: "ceph-watchdog", { self.watch() }) {
                state.withLock { state in
                    state.watchdogRuns = false
                    state.nextLook = nil
                }
            }
            if wakeWatchdog { deadlineArmed.signal() }
            workAvailable.signal()
        }
    }

    /// - Returns: whether the call was still waiting, so that it will never run.
    private func dequeue(_ call: some BlockingCall) -> Bool {
        state.withLock { state in
            guard let index = state.queue.firstIndex(where: { $0 === call }) else { return false }
            state.queue.remove(at: index)
            return true
        }
    }

    /// The life of one thread. A signal may find an empty queue, where a waiting call was cancelled: that is fine.
    private func work() {
        while true {
            workAvailable.wait()
            let next = state.withLock { state -> (call: (any BlockingCall)?, isOver: Bool) in
                guard !state.queue.isEmpty else {
                    if state.isShutDown {
                        state.threads -= 1
                        state.idle -= 1
                    }
                    return (nil, state.isShutDown)
                }
                state.idle -= 1
                let call = state.queue.removeFirst()
                state.running[ObjectIdentifier(call)] = call
                return (call, false)
            }
            if next.isOver { return }
            guard let call = next.call else { continue }
            call.perform()
            state.withLock { state in
                state.running.removeValue(forKey: ObjectIdentifier(call))
                state.idle += 1
            }
        }
    }

    /// Lets callers go whose deadline has passed, whether their call waits or runs.
    private func watch() {
        while true {
            let (nextLook, isOver) = letGo()
            if isOver { return }
            guard let nextLook else {
                deadlineArmed.wait()
                continue
            }
            let (seconds, attoseconds) = (nextLook - .now).components
            let nanoseconds = max(0, Int(seconds)) * 1_000_000_000 + max(0, Int(attoseconds / 1_000_000_000))
            _ = deadlineArmed.wait(timeout: .now() + .nanoseconds(nanoseconds))
        }
    }

    /// One look of the watchdog. A function of its own, so that no call is kept, and with it what the call holds, while the
    /// watchdog sleeps.
    private func letGo() -> (nextLook: ContinuousClock.Instant?, isOver: Bool) {
        let now = ContinuousClock.now
        let (expired, nextLook, isOver) = state.withLock { state in
            let waiting = state.queue.filter { $0.isExpired(at: now) }
            state.queue.removeAll { $0.isExpired(at: now) }
            let running = state.running.values.filter { $0.isExpired(at: now) && !$0.isSettled }
            let deadlines = (state.queue + Array(state.running.values)).compactMap {
                $0.isSettled ? nil : $0.deadline
            }
            state.nextLook = deadlines.filter { $0 > now }.min()
            let isOver = state.isShutDown && deadlines.isEmpty
            if isOver { state.watchdogRuns = false }
            return (waiting + running, state.nextLook, isOver)
        }
        for call in expired {
            call.settle(throwing: CephError(.timedOut, call.operation, on: call.resource))
        }
        return (nextLook, isOver)
    }
}
