// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

/// The rules of a ``WorkQueue``, without its tasks.
///
/// A key is in one of these states: ready, delayed, running, or running and added again. So a key is never with two
/// workers, and work that is added while a worker is at it is done once more.
struct WorkQueueState<Key: Hashable & Sendable>: Sendable {
    typealias Instant = ContinuousClock.Instant

    private let backoff: Backoff
    /// The keys that are ready, in their order, from `readyStart` on.
    private var ready: [Key] = []
    private var readyStart = 0
    private var isReady: Set<Key> = []
    private var delayed: [Key: Instant] = [:]
    /// No delayed key is due before this.
    private var earliest: Instant?
    private var running: Set<Key> = []
    /// Keys that were added while they run.
    private var addedAgain: Set<Key> = []
    /// The pauses of the keys that have failed.
    private var failures: [Key: Backoff] = [:]

    init(backoff: Backoff) {
        self.backoff = backoff
    }

    var readyCount: Int { isReady.count }
    var delayedCount: Int { delayed.count }
    var runningCount: Int { running.count }
    var failingCount: Int { failures.count }

    /// Adds a key. A key that is there already is not added twice; a delayed key becomes ready.
    mutating func add(_ key: Key) {
        delayed[key] = nil
        if running.contains(key) {
            addedAgain.insert(key)
        } else if isReady.insert(key).inserted {
            ready.append(key)
        }
    }

    /// Adds a key that becomes ready at a time. The earliest time of a key counts.
    mutating func add(_ key: Key, at time: Instant) {
        guard !isReady.contains(key), !addedAgain.contains(key) else { return }
        delayed[key] = min(delayed[key] ?? time, time)
        earliest = min(earliest ?? time, time)
    }

    /// Makes the delayed keys ready whose time has come.
    /// - Returns: the time of the next one; nil if there is none.
    mutating func promote(at now: Instant) -> Instant? {
        guard let earliest, earliest <= now else { return earliest }
        var next: Instant?
        var due: [(key: Key, time: Instant)] = []
        for (key, time) in delayed {
            if time <= now {
                due.append((key, time))
            } else {
                next = min(next ?? time, time)
            }
        }
        self.earliest = next
        for entry in due.sorted(by: { $0.time < $1.time }) { add(entry.key) }
        return next
    }

    /// Gives the next key to a worker; nil if none is ready.
    mutating func take() -> Key? {
        guard readyStart < ready.count else { return nil }
        let key = ready[readyStart]
        readyStart += 1
        // The array is cut only now and then, so that taking a key does not move all others.
        if readyStart > 1024, readyStart * 2 > ready.count {
            ready.removeFirst(readyStart)
            readyStart = 0
        }
        isReady.remove(key)
        running.insert(key)
        return key
    }

    /// Takes a key back from its worker.
    /// - Parameters:
    ///   - result: nil if the work has failed.
    ///   - random: from 0 to 1, for the back-off.
    mutating func finish(_ key: Key, _ result: WorkResult?, at now: Instant, random: Double) {
        running.remove(key)
        let isAddedAgain = addedAgain.remove(key) != nil
        switch result {
        case .done?: failures[key] = nil
        case .again(let delay)?:
            failures[key] = nil
            if !isAddedAgain { add(key, at: now + delay) }
        case nil:
            var pauses = failures[key] ?? backoff
            let pause = pauses.next(random: random)
            failures[key] = pauses
            // Even if it was added meanwhile: a key that fails must not keep a worker busy.
            add(key, at: now + pause)
            return
        }
        if isAddedAgain { add(key) }
    }
}

/// The result of successful work on a key.
public enum WorkResult: Hashable, Sendable {
    case done
    /// The work must be done again after a time.
    case again(after: Duration)
}
