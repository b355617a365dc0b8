// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

import NIOCore

/// Which operations this process works on, and which is next.
///
/// Places are shared by whoever asked. Of what waits for a pool, the operation is next whose owner has the fewest at
/// work. An owner who has less than half of the places at work need not wait for one of them: the copies of somebody
/// else may take days. For such owners there are as many places again.
///
/// As long as several owners ask, they take turns: short operations of somebody who asks for thousands would take most
/// of the processors and of the cluster from the one of somebody else, without ever having too many places. Each owner
/// begins one operation of a pool at a time, and all together begin one for every two processors. After one an owner
/// who has more to do rests for as long as it took: so nobody has more than half of the time. An owner who has but one
/// to do is no reason for any of this: beside those that are at work as many again are begun for such owners. One that
/// takes longer than a moment keeps nobody waiting.
struct OperationQueue {
    struct Entry: Equatable {
        var id: String
        /// The identity that asked for it; nil for the service itself, and where nobody is asked who he is.
        var owner: String?
        var pool: String
    }

    /// How many operations of one pool are worked on at once.
    let perPool: Int
    /// How many are begun at once, of all pools, as long as several owners ask.
    let beginners: Int
    private var waiting: [String: Waiting] = [:]
    private var running: [String: (entry: Entry, begun: ContinuousClock.Instant)] = [:]
    private var arrivals = 0
    private var callers = RecentCallers()
    /// When owners had their last turn, as far as it was a moment ago.
    private var turns: [String?: ContinuousClock.Instant] = [:]
    /// Until when owners rest.
    private var rests: [String?: ContinuousClock.Instant] = [:]

    /// For so long an operation keeps the next one of its owner waiting where others ask, too.
    private static let moment = Duration.seconds(1)
    /// And for so long the one of somebody else. No rest is longer.
    private static let turn = Duration.milliseconds(100)

    /// What waits for a pool. Thousands may wait, and few owners: only these are compared.
    private struct Waiting {
        var ids: Set<String> = []
        var byOwner: [String?: [(arrival: Int, entry: Entry)]] = [:]
    }

    init(perPool: Int, beginners: Int = max(1, System.coreCount / 2)) {
        self.perPool = perPool
        self.beginners = beginners
    }

    /// Places that nobody's operations can take away from the others.
    private var half: Int { max(1, perPool / 2) }

    /// How many of a pool wait.
    func backlog(of pool: String) -> Int { waiting[pool]?.ids.count ?? 0 }

    /// How many of an owner wait.
    private func backlog(of owner: String?) -> Int { waiting.values.reduce(0) { $0 + ($1.byOwner[owner]?.count ?? 0) } }

    /// Puts an operation at the end, unless it waits or is worked on.
    /// - Parameter asked: when its owner has asked for it; nil where it was found.
    mutating func enqueue(_ entry: Entry, asked: ContinuousClock.Instant? = nil) {
        if let asked { callers.note(entry.owner, at: asked) }
        guard running[entry.id] == nil, waiting[entry.pool, default: Waiting()].ids.insert(entry.id).inserted else {
            return
        }
        arrivals += 1
        waiting[entry.pool]?.byOwner[entry.owner, default: []].append((arrivals, entry))
    }

    /// Takes the next operation, which counts as being worked on from now on.
    /// - Returns: nil where none waits, or there is no place.
    mutating func next(at now: ContinuousClock.Instant = .now) -> Entry? {
        turns = turns.filter { now - $0.value < Self.moment }
        rests = rests.filter { $0.value > now }
        let begun = running.values.filter { now - $0.begun < Self.moment }
        let inTurn = begun.count { now - $0.begun < Self.turn }
        let candidates = waiting.flatMap { pool, waiting in self.candidates(waiting, in: pool, at: now) }
        let owners = Set(candidates.map(\.entry.owner))
        let next = candidates.filter { candidate in
            let (owner, pool) = (candidate.entry.owner, candidate.entry.pool)
            // Whoever waits asks, however long ago that was, and so does he whose operation has just begun.
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

    /// The first of each owner that there is a place for.
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

    /// When something that waits may begin although nothing has ended by then.
    /// - Returns: nil where nothing waits but for a place.
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
