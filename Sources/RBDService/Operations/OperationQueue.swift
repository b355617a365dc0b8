// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

import NIOCore

/// The operations that wait in this process, and the rules by which the next one is chosen.
///
/// The owners share the places of each pool. The next operation is that of the owner with the fewest running
/// operations. An owner that has less than half of the places need not wait for one: other owners' copies may take
/// days. For such owners there are as many extra places.
///
/// While several owners have operations, they also take turns. Otherwise the thousands of short operations of one owner
/// would take most of the processors and of the cluster, without ever using too many places:
/// - An operation keeps the next one of its owner in the same pool waiting until it ends, but at most for one second.
/// - At most one operation for every two processors may be in its first 100 ms. For an owner with a single waiting
///   operation, this limit is doubled.
/// - After an operation, an owner with more waiting operations rests for as long as the operation took, at most 100 ms.
///   So no owner has more than half of the time.
struct OperationQueue {
    struct Entry: Equatable {
        var id: String
        /// The identity that requested the operation; nil for the service itself, and if callers are not authenticated.
        var owner: String?
        var pool: String
    }

    /// The maximum number of operations of one pool that run at the same time.
    let perPool: Int
    /// The maximum number of operations that begin at the same time, in all pools, while several owners have
    /// operations.
    let beginners: Int
    private var waiting: [String: Waiting] = [:]
    private var running: [String: (entry: Entry, begun: ContinuousClock.Instant)] = [:]
    private var arrivals = 0
    private var callers = RecentCallers()
    /// When owners had their last turn, if that was in the last second.
    private var turns: [String?: ContinuousClock.Instant] = [:]
    /// Until when owners rest.
    private var rests: [String?: ContinuousClock.Instant] = [:]

    /// How long an operation keeps the next one of its owner waiting, if there are other owners.
    private static let moment = Duration.seconds(1)
    /// How long an operation counts against the number that may begin, and the maximum rest.
    private static let turn = Duration.milliseconds(100)

    /// The operations that wait for a pool. Thousands may wait, but of few owners. Only the first of each owner is
    /// compared.
    private struct Waiting {
        var ids: Set<String> = []
        var byOwner: [String?: [(arrival: Int, entry: Entry)]] = [:]
    }

    init(perPool: Int, beginners: Int = max(1, System.coreCount / 2)) {
        self.perPool = perPool
        self.beginners = beginners
    }

    /// The number of places that every owner may have, whatever the other owners run.
    private var half: Int { max(1, perPool / 2) }

    /// How many operations of a pool wait.
    func backlog(of pool: String) -> Int { waiting[pool]?.ids.count ?? 0 }

    /// How many operations of an owner wait.
    private func backlog(of owner: String?) -> Int { waiting.values.reduce(0) { $0 + ($1.byOwner[owner]?.count ?? 0) } }

    /// Adds an operation at the end, unless it waits or runs already.
    /// - Parameter asked: when its owner requested it; nil if it was found in the records.
    mutating func enqueue(_ entry: Entry, asked: ContinuousClock.Instant? = nil) {
        if let asked { callers.note(entry.owner, at: asked) }
        guard running[entry.id] == nil, waiting[entry.pool, default: Waiting()].ids.insert(entry.id).inserted else {
            return
        }
        arrivals += 1
        waiting[entry.pool]?.byOwner[entry.owner, default: []].append((arrivals, entry))
    }

    /// Takes the next operation. It counts as running from now on.
    /// - Returns: nil if none waits that may begin.
    mutating func next(at now: ContinuousClock.Instant = .now) -> Entry? {
        turns = turns.filter { now - $0.value < Self.moment }
        rests = rests.filter { $0.value > now }
        let begun = running.values.filter { now - $0.begun < Self.moment }
        let inTurn = begun.count { now - $0.begun < Self.turn }
        let candidates = waiting.flatMap { pool, waiting in self.candidates(waiting, in: pool, at: now) }
        let owners = Set(candidates.map(\.entry.owner))
        let next = candidates.filter { candidate in
            let (owner, pool) = (candidate.entry.owner, candidate.entry.pool)
            // Owners with waiting operations count as callers, however old their requests are. So do owners whose
            // operation has just begun.
            let isAlone = owners.count == 1 && !begun.contains { $0.entry.owner != owner }
            if isAlone, callers.isAlone(owner, at: now) { return true }
            let mayBegin = backlog(of: owner) == 1 ? 2 * beginners : beginners
            return inTurn < mayBegin && rests[owner] == nil
                && !begun.contains { $0.entry.owner == owner && $0.entry.pool == pool }
        }.min { ($0.atWork, $0.turn, $0.arrival) < ($1.atWork, $1.turn, $1.arrival) }
        guard let entry = next?.entry else { return nil }
        waiting[entry.pool]?.ids.remove(entry.id)
        waiting[entry.pool]?.byOwner[entry.owner]?.removeFirst()
        if waiting[entry.pool]?.byOwner[entry.owner]?.isEmpty == true {
            waiting[entry.pool]?.byOwner[entry.owner] = nil
        }
        if waiting[entry.pool]?.ids.isEmpty == true { waiting[entry.pool] = nil }
        running[entry.id] = (entry, now)
        turns[entry.owner] = now
        return entry
    }

    private struct Candidate {
        var atWork: Int
        var turn: ContinuousClock.Instant
        var arrival: Int
        var entry: Entry
    }

    /// The first operation of each owner for which there is a place.
    private func candidates(_ waiting: Waiting, in pool: String, at now: ContinuousClock.Instant) -> [Candidate] {
        let busy = running.values.filter { $0.entry.pool == pool }
        var atWork: [String?: Int] = [:]
        for (entry, _) in busy { atWork[entry.owner, default: 0] += 1 }
        return waiting.byOwner.compactMap { owner, lane in
            guard let first = lane.first else { return nil }
            let own = atWork[owner] ?? 0
            guard busy.count < perPool || busy.count < 2 * perPool && own < half else { return nil }
            let turn = turns[owner] ?? now - Self.moment
            return Candidate(atWork: own, turn: turn, arrival: first.arrival, entry: first.entry)
        }
    }

    /// When a waiting operation may begin even if none ends before.
    /// - Returns: nil if none waits, or all wait for a place.
    func nextLook(after now: ContinuousClock.Instant = .now) -> ContinuousClock.Instant? {
        guard !waiting.isEmpty else { return nil }
        let ends = running.values.flatMap { [$0.begun + Self.turn, $0.begun + Self.moment] }
        return (ends + rests.values).filter { $0 > now }.min()
    }

    mutating func ended(_ id: String, at now: ContinuousClock.Instant = .now) {
        guard let (entry, begun) = running.removeValue(forKey: id) else { return }
        if backlog(of: entry.owner) > 0 { rests[entry.owner] = now + min(now - begun, Self.turn) }
    }
}
