// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

/// Which operations this process works on, and which is next.
///
/// Places are shared by whoever asked. Of what waits for a pool, the operation is next whose owner has the fewest at work. An owner who has
/// less than half of the places at work need not wait for one of them: the copies of somebody else may take days. For such owners there
/// are as many places again.
///
/// As long as several owners ask, each begins one operation of a pool at a time: short ones of somebody who asks for thousands would take
/// most of the pool from the one of somebody else, without ever having too many places. One that takes longer than a moment keeps the
/// next one of its owner waiting no more.
struct OperationQueue {
    struct Entry: Equatable {
        var id: String
        /// The identity that asked for it; nil for the service itself, and where nobody is asked who he is.
        var owner: String?
        var pool: String
    }

    /// How many operations of one pool are worked on at once.
    let perPool: Int
    private var waiting: [String: Waiting] = [:]
    private var running: [String: (entry: Entry, begun: ContinuousClock.Instant)] = [:]
    private var arrivals = 0
    private var callers = RecentCallers()

    /// For so long an operation keeps the next one of its owner waiting where others ask, too.
    private static let moment = Duration.seconds(1)

    /// What waits for a pool. Thousands may wait, and few owners: only these are compared.
    private struct Waiting {
        var ids: Set<String> = []
        var byOwner: [String?: [(arrival: Int, entry: Entry)]] = [:]
    }

    init(perPool: Int) {
        self.perPool = perPool
    }

    /// Places that nobody's operations can take away from the others.
    private var half: Int { max(1, perPool / 2) }

    /// How many of a pool wait.
    func backlog(of pool: String) -> Int { waiting[pool]?.ids.count ?? 0 }

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

    /// Takes the next operation of a pool, which counts as being worked on from now on.
    /// - Returns: nil where none waits, or there is no place.
    mutating func next(of pool: String, at now: ContinuousClock.Instant = .now) -> Entry? {
        guard let lanes = waiting[pool]?.byOwner else { return nil }
        let busy = running.values.filter { $0.entry.pool == pool }
        var count: [String?: Int] = [:]
        for (entry, _) in busy { count[entry.owner, default: 0] += 1 }
        let beginners = Set(busy.filter { now - $0.begun < Self.moment }.map(\.entry.owner))
        // Of equals, the one that came first.
        let next = lanes.compactMap { owner, lane in
            lane.first.map { (atWork: count[owner] ?? 0, arrival: $0.arrival, entry: $0.entry) }
        }.filter { busy.count < perPool || busy.count < 2 * perPool && $0.atWork < half }
            .filter { !beginners.contains($0.entry.owner) || callers.isAlone($0.entry.owner, at: now) }
            .min { ($0.atWork, $0.arrival) < ($1.atWork, $1.arrival) }
        guard let entry = next?.entry else { return nil }
        waiting[pool]?.ids.remove(entry.id)
        waiting[pool]?.byOwner[entry.owner]?.removeFirst()
        if waiting[pool]?.byOwner[entry.owner]?.isEmpty == true { waiting[pool]?.byOwner[entry.owner] = nil }
        if waiting[pool]?.ids.isEmpty == true { waiting[pool] = nil }
        running[entry.id] = (entry, now)
        return entry
    }

    mutating func ended(_ id: String) {
        running[id] = nil
    }
}
