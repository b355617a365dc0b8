// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

/// Which calls wait, which run, and which is next: the rules of a ``BlockingPool``, without its threads.
///
/// A quarter of the threads, of the replacement threads, and of the queue is always left for others than the busiest
/// scope, and for others than the busiest caller. So a pool whose calls hang takes only its share, and so does a
/// caller, within each pool and in total. The next call is that of the caller with the fewest running calls, and of
/// that caller's calls, one for the pool with the fewest.
struct CallQueue {
    /// The calls that are counted together.
    private struct Lane: Hashable {
        /// Nil for calls of the service itself, and if callers are not authenticated.
        var caller: String?
        var scope: CallScope
    }

    private struct Running {
        var call: any BlockingCall
        /// The caller was released.
        var isStuck = false
    }

    /// The threads that a set of calls holds.
    private struct Held {
        var busy = 0
        /// Their callers were released; replacement threads may have been started.
        var stuck = 0
    }

    private let limits: BlockingPool.Limits
    private var waiting: [Lane: [any BlockingCall]] = [:]
    private var waitingCount = 0
    private var running: [ObjectIdentifier: Running] = [:]
    private var byScope: [CallScope: Held] = [:]
    private var byCaller: [String: Held] = [:]
    private var byLane: [Lane: Held] = [:]
    private var all = Held()
    private var threads = 0
    /// Threads that wait for work. A new thread counts as soon as it is requested.
    private var idle = 0

    init(limits: BlockingPool.Limits) {
        self.limits = limits
    }

    var snapshot: BlockingPool.Snapshot {
        .init(threads: threads, running: running.count, queued: waitingCount, abandoned: all.stuck)
    }

    /// The current maximum number of threads. If it is below the number of stuck threads, nothing can run until one
    /// returns.
    private var threadLimit: Int { limits.threads + min(all.stuck, limits.replacements) }

    private static func share(of total: Int) -> Int {
        total < 4 ? total : total - total / 4
    }

    /// Whether one more thread is within the share of this set of calls.
    private func isWithin(_ held: Held?, busy: Int, stuck: Int) -> Bool {
        guard let held else { return true }
        // The threads that are stuck in other calls are available to no one.
        let left = stuck - (all.stuck - held.stuck)
        return held.busy < Self.share(of: busy) && held.busy + held.stuck < Self.share(of: min(stuck, left))
    }

    private func mayRun(_ lane: Lane) -> Bool {
        let most = limits.threads + limits.replacements
        guard isWithin(byScope[lane.scope], busy: limits.threads, stuck: most) else { return false }
        guard let caller = lane.caller else { return true }
        return isWithin(byCaller[caller], busy: limits.threads, stuck: most)
            && isWithin(byLane[lane], busy: Self.share(of: limits.threads), stuck: Self.share(of: most))
    }

    // MARK: Callers

    /// - Returns: false if there is no room.
    mutating func admit(_ call: some BlockingCall) -> Bool {
        let usable = threadLimit - all.stuck
        guard usable > 0, waitingCount + running.count - all.stuck < usable + limits.queue else { return false }
        let (threads, queue) = (Self.share(of: limits.threads), Self.share(of: limits.queue))
        let ofScope = byScope[call.scope]?.busy ?? 0
        guard ofScope + waits(where: { $0.scope == call.scope }) < threads + queue else { return false }
        if let caller = call.caller {
            let ofCaller = byCaller[caller]?.busy ?? 0
            guard ofCaller + waits(where: { $0.caller == caller }) < threads + queue else { return false }
        }
        waiting[lane(of: call), default: []].append(call)
        waitingCount += 1
        return true
    }

    private func lane(of call: some BlockingCall) -> Lane { Lane(caller: call.caller, scope: call.scope) }

    private func waits(where belongs: (Lane) -> Bool) -> Int {
        waiting.reduce(0) { belongs($1.key) ? $0 + $1.value.count : $0 }
    }

    /// - Returns: whether the call was still waiting. It then never runs.
    mutating func withdraw(_ call: some BlockingCall) -> Bool {
        let lane = lane(of: call)
        guard let index = waiting[lane]?.firstIndex(where: { $0 === call }) else { return false }
        _ = take(index, of: lane)
        return true
    }

    private mutating func take(_ index: Int, of lane: Lane) -> (any BlockingCall)? {
        let call = waiting[lane]?.remove(at: index)
        waitingCount -= 1
        if waiting[lane]?.isEmpty == true { waiting[lane] = nil }
        return call
    }

    /// The calls whose deadline has passed, for the watchdog.
    struct Expired {
        /// Calls that will never run.
        var waiting: [any BlockingCall] = []
        /// Hanging calls, whose callers are to be released.
        var running: [any BlockingCall] = []
        /// The next deadline; nil if there is none.
        var next: ContinuousClock.Instant?
    }

    mutating func expire(at now: ContinuousClock.Instant) -> Expired {
        var expired = Expired()
        for (lane, calls) in waiting {
            let left = calls.filter { !$0.isExpired(at: now) }
            expired.waiting += calls.filter { $0.isExpired(at: now) }
            waitingCount -= calls.count - left.count
            waiting[lane] = left.isEmpty ? nil : left
        }
        for (id, entry) in running where !entry.isStuck && entry.call.isExpired(at: now) {
            running[id]?.isStuck = true
            count(entry.call) { ($0.busy, $0.stuck) = ($0.busy - 1, $0.stuck + 1) }
            expired.running.append(entry.call)
        }
        expired.next = (waiting.values.joined() + running.values.filter { !$0.isStuck }.map(\.call)).compactMap(
            \.deadline
        ).min()
        return expired
    }

    // MARK: Threads

    /// Adds a thread if one more is useful.
    /// - Returns: the thread's number, for its name. The thread then counts as waiting.
    mutating func addThread() -> Int? {
        guard waitingCount > idle, threads < threadLimit else { return nil }
        threads += 1
        idle += 1
        return threads
    }

    /// A waiting thread has ended, or could not be started.
    mutating func removeThread() {
        threads -= 1
        idle -= 1
    }

    /// Gives a thread the next call. Nil if no call may run: the thread continues to wait.
    mutating func next() -> (any BlockingCall)? {
        guard running.count < threadLimit, let lane = nextLane(), let call = take(0, of: lane) else { return nil }
        idle -= 1
        count(call) { $0.busy += 1 }
        running[ObjectIdentifier(call)] = Running(call: call)
        return call
    }

    private func nextLane() -> Lane? {
        // Usually only one call waits.
        if waiting.count == 1, let lane = waiting.keys.first { return mayRun(lane) ? lane : nil }
        return waiting.filter { mayRun($0.key) }.min { precedence(of: $0) < precedence(of: $1) }?.key
    }

    private func precedence(
        of lane: (key: Lane, value: [any BlockingCall])
    ) -> (Int, Int, ContinuousClock.Instant) {
        let ofCaller =
            lane.key.caller.map { byCaller[$0]?.busy ?? 0 } ?? all.busy - byCaller.values.reduce(0) { $0 + $1.busy }
        return (ofCaller, byLane[lane.key]?.busy ?? 0, lane.value.first?.came ?? .now)
    }

    /// A thread has returned from its call.
    mutating func finish(_ call: some BlockingCall) {
        idle += 1
        guard let entry = running.removeValue(forKey: ObjectIdentifier(call)) else { return }
        count(call) { held in
            if entry.isStuck { held.stuck -= 1 } else { held.busy -= 1 }
        }
    }

    /// Whether there are more threads than needed, because a call has returned whose thread was replaced.
    var hasSurplusThread: Bool { threads > threadLimit }

    private mutating func count(_ call: some BlockingCall, _ change: (inout Held) -> Void) {
        func apply<Key>(_ key: Key, in counts: inout [Key: Held]) {
            change(&counts[key, default: Held()])
            // Entries that hold no threads are removed.
            if let held = counts[key], held.busy == 0, held.stuck == 0 { counts[key] = nil }
        }
        change(&all)
        apply(call.scope, in: &byScope)
        apply(lane(of: call), in: &byLane)
        if let caller = call.caller { apply(caller, in: &byCaller) }
    }
}
