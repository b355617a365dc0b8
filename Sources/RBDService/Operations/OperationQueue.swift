// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

/// Which operations this process works on, and which is next.
///
/// Places are shared by whoever asked. Of what waits for a pool, the operation is next whose owner has the fewest at work. An owner who has
/// less than half of the places at work need not wait for one of them: the copies of somebody else may take days. For such owners there
/// are as many places again.
struct OperationQueue {
    struct Entry: Equatable {
        var id: String
        /// The identity that asked for it; nil for the service itself, and where nobody is asked who he is.
        var owner: String?
        var pool: String
    }

    /// How many operations of one pool are worked on at once.
    let perPool: Int
    private var waiting: [String: [Entry]] = [:]
    private var running: [String: Entry] = [:]

    init(perPool: Int) {
        self.perPool = perPool
    }

    /// Places that nobody's operations can take away from the others.
    private var half: Int { max(1, perPool / 2) }

    /// How many of a pool wait.
    func backlog(of pool: String) -> Int { waiting[pool]?.count ?? 0 }

    /// Puts an operation at the end, unless it waits or is worked on.
    mutating func enqueue(_ entry: Entry) {
        guard running[entry.id] == nil, !(waiting[entry.pool]?.contains { $0.id == entry.id } ?? false) else { return }
        waiting[entry.pool, default: []].append(entry)
    }

    /// Takes the next operation of a pool, which counts as being worked on from now on.
    /// - Returns: nil where none waits, or there is no place.
    mutating func next(of pool: String) -> Entry? {
        guard let waits = waiting[pool] else { return nil }
        let busy = running.values.filter { $0.pool == pool }
        var count: [String?: Int] = [:]
        for entry in busy { count[entry.owner, default: 0] += 1 }
        func atWork(_ entry: Entry) -> Int { count[entry.owner] ?? 0 }
        let candidates = waits.indices.filter { index in
            busy.count < perPool || busy.count < 2 * perPool && atWork(waits[index]) < half
        }
        // Of equals, the one that came first.
        guard let index = candidates.min(by: { atWork(waits[$0]) < atWork(waits[$1]) }) else { return nil }
        let entry = waits[index]
        waiting[pool]?.remove(at: index)
        if waiting[pool]?.isEmpty == true { waiting[pool] = nil }
        running[entry.id] = entry
        return entry
    }

    mutating func ended(_ id: String) {
        running[id] = nil
    }
}
