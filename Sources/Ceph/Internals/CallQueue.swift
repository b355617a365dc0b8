// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

/// Who waits, who runs, and who is next: the rules of a ``BlockingPool``, without its threads.
///
/// A quarter of the threads and of the queue is always left to others than the scope that wants the most: a pool whose
/// calls hang takes its share, not all. A call whose caller was let go no longer counts: another thread is started in
/// place of the one that is stuck in it, up to a bound.
struct CallQueue {
    private struct Running {
        var call: any BlockingCall
        /// Its caller was let go.
        var isStuck = false
    }

    private let limits: BlockingPool.Limits
    private var waiting: [any BlockingCall] = []
    private var running: [ObjectIdentifier: Running] = [:]
    /// Threads that the calls of a scope hold, stuck ones not counted.
    private var busy: [CallScope: Int] = [:]
    private var stuck = 0
    private var threads = 0
    /// Threads that wait for work; a new one counts from the moment in which it is asked for.
    private var idle = 0

    init(limits: BlockingPool.Limits) {
        self.limits = limits
    }

    var snapshot: BlockingPool.Snapshot {
        .init(threads: threads, running: running.count, queued: waiting.count, abandoned: stuck)
    }

    /// Threads that there may be now. Less than what is stuck: then nothing more can run until something comes back.
    private var threadLimit: Int { limits.threads + min(stuck, limits.replacements) }

    private static func share(of total: Int) -> Int {
        total < 4 ? total : total - total / 4
    }

    // MARK: Callers

    /// - Returns: false where there is no room.
    mutating func admit(_ call: some BlockingCall) -> Bool {
        let usable = threadLimit - stuck
        guard usable > 0, waiting.count + running.count - stuck < usable + limits.queue else { return false }
        let ofScope = busy[call.scope, default: 0] + waiting.count(where: { $0.scope == call.scope })
        guard ofScope < Self.share(of: limits.threads) + Self.share(of: limits.queue) else { return false }
        waiting.append(call)
        return true
    }

    /// - Returns: whether the call was still waiting, so that it will never run.
    mutating func withdraw(_ call: some BlockingCall) -> Bool {
        guard let index = waiting.firstIndex(where: { $0 === call }) else { return false }
        waiting.remove(at: index)
        return true
    }

    /// What the watchdog has to do.
    struct Expired {
        /// Calls that will never run.
        var waiting: [any BlockingCall] = []
        /// Calls that hang, whose callers are to be let go.
        var running: [any BlockingCall] = []
        /// When the next deadline is; nil where there is none.
        var next: ContinuousClock.Instant?
    }

    mutating func expire(at now: ContinuousClock.Instant) -> Expired {
        var expired = Expired(waiting: waiting.filter { $0.isExpired(at: now) })
        waiting.removeAll { $0.isExpired(at: now) }
        for (id, entry) in running where !entry.isStuck && entry.call.isExpired(at: now) {
            running[id]?.isStuck = true
            stuck += 1
            release(entry.call.scope)
            expired.running.append(entry.call)
        }
        expired.next = (waiting + running.values.filter { !$0.isStuck }.map(\.call)).compactMap(\.deadline).min()
        return expired
    }

    // MARK: Threads

    /// Whether one more thread is of use.
    /// - Returns: its number, for its name; it then counts as one that waits.
    mutating func addThread() -> Int? {
        guard waiting.count > idle, threads < threadLimit else { return nil }
        threads += 1
        idle += 1
        return threads
    }

    /// A thread that waited is gone, or could not be started.
    mutating func removeThread() {
        threads -= 1
        idle -= 1
    }

    /// A thread takes the first call that may run. Nil where there is none: the thread goes on waiting.
    mutating func next() -> (any BlockingCall)? {
        let share = Self.share(of: limits.threads)
        guard running.count < threadLimit,
            let index = waiting.firstIndex(where: { busy[$0.scope, default: 0] < share })
        else { return nil }
        let call = waiting.remove(at: index)
        idle -= 1
        busy[call.scope, default: 0] += 1
        running[ObjectIdentifier(call)] = Running(call: call)
        return call
    }

    /// A thread is back from its call.
    mutating func finish(_ call: some BlockingCall) {
        idle += 1
        guard let entry = running.removeValue(forKey: ObjectIdentifier(call)) else { return }
        if entry.isStuck {
            stuck -= 1
        } else {
            release(call.scope)
        }
    }

    /// Whether there are more threads than there should be: one stands in for a call that has come back.
    var hasSurplusThread: Bool { threads > threadLimit }

    private mutating func release(_ scope: CallScope) {
        let count = busy[scope, default: 0] - 1
        busy[scope] = count > 0 ? count : nil
    }
}
