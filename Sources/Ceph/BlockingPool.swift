// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

internal import Dispatch
import Synchronization

/// Runs blocking C calls. All of them go through here: on a bounded number of threads, from a bounded queue, and with a
/// deadline for the caller.
///
/// librbd creates, removes and clones only by blocking calls, and no librados call can be cancelled. On Swift's
/// cooperative threads, a few such calls would stop the whole process. Here the damage is bounded. The queue refuses
/// work beyond its limit immediately. A caller is released at its deadline, even if its thread still runs. Work that a
/// cancelled task left in the queue is dropped. Work that has started always runs to its end. A hanging thread is
/// replaced by another, up to a limit. Neither one sick pool nor one ``Caller`` ever has all the threads.
public final class BlockingPool: Sendable {
    public struct Limits: Hashable, Sendable {
        /// The maximum number of threads that are inside Ceph at the same time.
        public var threads: Int
        /// The maximum number of calls that wait for a thread. Further calls are refused.
        public var queue: Int
        /// The maximum number of threads that are started to replace threads that hang in calls whose callers were
        /// released.
        public var replacements: Int

        public init(threads: Int = 16, queue: Int = 256, replacements: Int = 48) {
            self.threads = threads
            self.queue = queue
            self.replacements = replacements
        }
    }

    /// The state of the pool, for metrics and tests.
    public struct Snapshot: Hashable, Sendable {
        public var threads = 0
        public var running = 0
        public var queued = 0
        /// Running calls whose caller was released at its deadline.
        public var abandoned = 0

        public static func + (one: Snapshot, other: Snapshot) -> Snapshot {
            Snapshot(
                threads: one.threads + other.threads,
                running: one.running + other.running,
                queued: one.queued + other.queued,
                abandoned: one.abandoned + other.abandoned
            )
        }

        public static let none = Snapshot()
    }

    public let limits: Limits
    let ignoresBreakers: Bool
    private let state: Mutex<State>
    private let workAvailable = DispatchSemaphore(value: 0)
    private let deadlineArmed = DispatchSemaphore(value: 0)

    /// - Parameters:
    ///   - limits: how many threads, and how many calls may wait for them.
    ///   - ignoresBreakers: whether calls are also made to parts of the cluster whose breaker is open.
    public init(limits: Limits = Limits(), ignoresBreakers: Bool = false) {
        (self.limits, self.ignoresBreakers) = (limits, ignoresBreakers)
        state = Mutex(State(calls: CallQueue(limits: limits)))
    }

    public var snapshot: Snapshot {
        state.withLock { $0.calls.snapshot }
    }

    /// Runs a blocking call on a thread of this pool.
    /// - Throws: `CephError` with `.overloaded` if the queue is full, `.notStarted` if the call does not start before
    ///   the deadline, `.timedOut` if the deadline passes while it runs (its outcome is then unknown), `.shutDown`
    ///   after ``shutdown()``; `CancellationError` if the task is cancelled before the call has started; any error that
    ///   the call throws.
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
                // A cancellation that came before the call was queued could not remove it.
                if Task.isCancelled, dequeue(call) { call.settle(throwing: CancellationError()) }
            }
        } onCancel: {
            if dequeue(call) { call.settle(throwing: CancellationError()) }
        }
    }

    /// Refuses new work, and lets the threads end when the queue is empty. Accepted work is still done.
    public func shutdown() {
        let threads = state.withLock { state in
            state.isShutDown = true
            return state.calls.snapshot.threads
        }
        for _ in 0..<threads { workAvailable.signal() }
        deadlineArmed.signal()
    }

    // MARK: The queue

    private struct State {
        var calls: CallQueue
        var isShutDown = false
        var watchdogRuns = false
        /// When the watchdog checks next; nil while it sleeps until it is woken.
        var nextLook: ContinuousClock.Instant?
    }

    private enum Admission {
        case refused(CephError.Code)
        case queued(startThread: Int?, startWatchdog: Bool, wakeWatchdog: Bool)
    }

    private func submit(_ call: some BlockingCall) {
        let admission = state.withLock { state -> Admission in
            if state.isShutDown { return .refused(.shutDown) }
            guard state.calls.admit(call) else { return .refused(.overloaded) }
            var startWatchdog = false
            var wakeWatchdog = false
            if let deadline = call.deadline, state.nextLook.map({ deadline < $0 }) ?? true {
                state.nextLook = deadline
                startWatchdog = !state.watchdogRuns
                wakeWatchdog = state.watchdogRuns
                state.watchdogRuns = true
            }
            return .queued(
                startThread: state.calls.addThread(),
                startWatchdog: startWatchdog,
                wakeWatchdog: wakeWatchdog
            )
        }
        switch admission {
        case .refused(let code):
            call.settle(throwing: CephError(code, call.operation, on: call.resource))
        case .queued(let number, let startWatchdog, let wakeWatchdog):
            if let number { startThread(number) }
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

    private func startThread(_ number: Int) {
        if NativeThread.start(named: "ceph-call-\(number)", { self.work() }) { return }
        // The process is out of threads. The other threads take the call, or its deadline passes. The next call tries
        // again.
        state.withLock { $0.calls.removeThread() }
    }

    /// - Returns: whether the call was still waiting. It then never runs.
    private func dequeue(_ call: some BlockingCall) -> Bool {
        state.withLock { $0.calls.withdraw(call) }
    }

    /// The loop of one thread. A signalled thread may find nothing to do, because a waiting call was cancelled, or its
    /// scope already has its share. Every thread checks again when it returns from a call.
    private func work() {
        while true {
            workAvailable.wait()
            while let call = state.withLock({ $0.calls.next() }) {
                call.perform()
                state.withLock { $0.calls.finish(call) }
            }
            let isOver = state.withLock { state in
                let isOver = state.isShutDown && state.calls.snapshot.queued == 0 || state.calls.hasSurplusThread
                if isOver { state.calls.removeThread() }
                return isOver
            }
            if isOver {
                // When this thread ends, all others check again, too.
                workAvailable.signal()
                return
            }
        }
    }

    /// Releases callers whose deadline has passed, whether their call waits or runs.
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

    /// One check of the watchdog. It is a separate function, so that no call, and nothing that a call holds, is kept
    /// while the watchdog sleeps.
    private func letGo() -> (nextLook: ContinuousClock.Instant?, isOver: Bool) {
        let (expired, replacements, isOver) = state.withLock { state in
            let expired = state.calls.expire(at: .now)
            state.nextLook = expired.next
            let isOver = state.isShutDown && expired.next == nil
            if isOver { state.watchdogRuns = false }
            var replacements: [Int] = []
            while let number = state.calls.addThread() { replacements.append(number) }
            return (expired, replacements, isOver)
        }
        for number in replacements { startThread(number) }
        // The scope of a hanging call has room again, for threads that found nothing to do before.
        for _ in expired.running { workAvailable.signal() }
        for call in expired.waiting {
            call.settle(throwing: CephError(.notStarted, call.operation, on: call.resource))
        }
        for call in expired.running {
            call.settle(throwing: CephError(.timedOut, call.operation, on: call.resource))
        }
        return (expired.next, isOver)
    }
}
