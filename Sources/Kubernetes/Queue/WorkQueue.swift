// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

public import Logging
import Synchronization

/// A queue of keys of objects to work on, and its workers.
///
/// A key is in the queue once, however often it is added, and with one worker at most. Work that fails is tried again
/// after a pause, which doubles with each failure of the key. The queue has keys, not changes: a worker reads the
/// object when its turn comes.
public final class WorkQueue<Key: Hashable & Sendable>: Sendable {
    private struct State {
        var keys: WorkQueueState<Key>
        /// Workers without work.
        var waiting: [CheckedContinuation<Key?, Never>] = []
        /// Wakes up when the next delayed key is due.
        var sleeper: Task<Void, Never>?
        /// When the sleeper wakes up; nil if nothing is delayed.
        var wakesAt: ContinuousClock.Instant?
        var isClosed = false
        var outcomes = WorkOutcomes()
    }

    private let name: String
    private let logger: Logger
    private let state: Mutex<State>

    /// - Parameters:
    ///   - name: the name in logs.
    ///   - backoff: the pauses after failures of one key.
    public init(
        named name: String,
        backoff: Backoff = Backoff(first: .milliseconds(500), maximum: .seconds(300), jitter: 0.2),
        logger: Logger
    ) {
        self.name = name
        self.logger = logger
        state = Mutex(State(keys: WorkQueueState(backoff: backoff)))
    }

    /// Adds a key, unless it is there already. Work on it that was delayed is done at once.
    public func add(_ key: Key) {
        change { $0.keys.add(key) }
    }

    /// Adds a key that becomes ready after a time. The earliest time of a key counts.
    public func add(_ key: Key, after delay: Duration) {
        let time = ContinuousClock.now + delay
        change { $0.keys.add(key, at: time) }
    }

    public var metrics: WorkQueueMetrics {
        state.withLock { state in
            WorkQueueMetrics(
                ready: state.keys.readyCount,
                delayed: state.keys.delayedCount,
                running: state.keys.runningCount,
                failing: state.keys.failingCount,
                outcomes: state.outcomes
            )
        }
    }

    /// Works on the keys until the queue is shut down, or the task is cancelled. Work that runs then is finished, and
    /// keys that are left are dropped. It can run once.
    /// - Parameters:
    ///   - workers: the maximum number of keys at a time.
    ///   - work: called for each key. If it throws, it is called again after a pause. If the task is cancelled, so are
    ///     its calls.
    public func run(workers: Int, _ work: @escaping @Sendable (Key) async throws -> WorkResult) async {
        await withTaskCancellationHandler {
            await withTaskGroup(of: Void.self) { group in
                for _ in 0..<max(1, workers) {
                    group.addTask {
                        while let key = await self.next() { await self.perform(work, key) }
                    }
                }
                group.addTask { await self.runTimer() }
                await group.waitForAll()
            }
        } onCancel: {
            shutDown()
        }
    }

    /// Ends ``run(workers:_:)`` as soon as the work that runs is finished.
    public func shutDown() {
        let waiting = state.withLock { state -> [CheckedContinuation<Key?, Never>] in
            state.isClosed = true
            state.sleeper?.cancel()
            defer { state.waiting = [] }
            return state.waiting
        }
        for worker in waiting { worker.resume(returning: nil) }
    }

    private func perform(_ work: @Sendable (Key) async throws -> WorkResult, _ key: Key) async {
        var result: WorkResult?
        do {
            result = try await work(key)
        } catch {
            if !(error is CancellationError) {
                logger.warning(
                    "work on an object failed; it is tried again",
                    metadata: ["queue": "\(name)", "key": "\(key)", "error": "\(error)"]
                )
            }
        }
        let outcome = result
        change { state in
            switch outcome {
            case .done?: state.outcomes.done += 1
            case .again?: state.outcomes.again += 1
            case nil: state.outcomes.failed += 1
            }
            state.keys.finish(key, outcome, at: .now, random: .random(in: 0...1))
        }
    }

    /// Changes the state, and then gives keys that are ready to workers that wait.
    private func change(_ body: (inout State) -> Void) {
        let given = state.withLock { state -> Given in
            body(&state)
            guard !state.isClosed else { return [] }
            let next = state.keys.promote(at: .now)
            if let next, state.wakesAt.map({ next < $0 }) ?? true { state.sleeper?.cancel() }
            return Self.give(&state)
        }
        for (worker, key) in given { worker.resume(returning: key) }
    }

    private static func give(_ state: inout State) -> Given {
        var given: Given = []
        while !state.waiting.isEmpty, let key = state.keys.take() { given.append((state.waiting.removeFirst(), key)) }
        return given
    }

    /// The next key for a worker; nil after the end.
    private func next() async -> Key? {
        await withCheckedContinuation { (continuation: CheckedContinuation<Key?, Never>) in
            let answer = state.withLock { state -> Answer in
                if state.isClosed { return .end }
                if let key = state.keys.take() { return .key(key) }
                state.waiting.append(continuation)
                return .wait
            }
            switch answer {
            case .key(let key): continuation.resume(returning: key)
            case .end: continuation.resume(returning: nil)
            case .wait: break
            }
        }
    }

    private enum Answer {
        case key(Key), end, wait
    }

    /// Makes delayed keys ready when they are due.
    private func runTimer() async {
        while true {
            let (given, sleeper) = state.withLock { state -> (Given, Task<Void, Never>?) in
                guard !state.isClosed else { return ([], nil) }
                let next = state.keys.promote(at: .now)
                // Cancelled when a key is added that is due earlier.
                let sleeper = Task<Void, Never> {
                    try? await Task.sleep(until: next ?? ContinuousClock.now + .seconds(3600), clock: .continuous)
                }
                state.sleeper = sleeper
                state.wakesAt = next
                return (Self.give(&state), sleeper)
            }
            for (worker, key) in given { worker.resume(returning: key) }
            guard let sleeper else { return }
            await sleeper.value
        }
    }

    /// Workers, and the keys that they get.
    private typealias Given = [(CheckedContinuation<Key?, Never>, Key)]
}

/// The results of the work so far.
public struct WorkOutcomes: Hashable, Sendable {
    public var done: UInt64 = 0
    public var again: UInt64 = 0
    public var failed: UInt64 = 0
}

/// The state of a ``WorkQueue``, for metrics.
public struct WorkQueueMetrics: Hashable, Sendable {
    /// Keys that wait for a worker.
    public var ready: Int
    /// Keys that wait for their time.
    public var delayed: Int
    public var running: Int
    /// Keys whose last work has failed.
    public var failing: Int
    public var outcomes: WorkOutcomes
}
