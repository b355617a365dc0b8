// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

import Naming

/// Since when marks look as they do, and which of them are older than the watch of the volumes. Only this process's own
/// clock counts, which runs on while the process is stopped: no two clocks are compared.
struct MarkSightings: Sendable {
    private struct ID: Hashable, Sendable {
        var pool: String
        var key: String
    }

    private var seen: [ID: (bytes: [UInt8], since: ContinuousClock.Instant)] = [:]
    /// The marks that were there before the watch, or before a gap of it.
    private var old: Set<ID> = []
    /// The pools whose marks were read since then.
    private var pools: Set<String> = []

    /// The watch has a gap: volumes may have come and gone.
    mutating func noteGap() {
        pools = []
    }

    /// All marks of a pool were read.
    mutating func note(_ marks: [StoredMark], of pool: String, at now: ContinuousClock.Instant) {
        let ids = Set(marks.map { ID(pool: pool, key: $0.key) })
        seen = seen.filter { $0.key.pool != pool || ids.contains($0.key) }
        old = old.filter { $0.pool != pool || ids.contains($0) }
        if pools.insert(pool).inserted { old.formUnion(ids) }
        for mark in marks {
            let id = ID(pool: pool, key: mark.key)
            if seen[id]?.bytes != mark.bytes { seen[id] = (mark.bytes, now) }
        }
    }

    func isOld(_ mark: StoredMark) -> Bool { old.contains(ID(pool: mark.place.pool, key: mark.key)) }

    /// How long a mark has looked as it does.
    func age(of mark: StoredMark, at now: ContinuousClock.Instant) -> Duration {
        seen[ID(pool: mark.place.pool, key: mark.key)].map { now - $0.since } ?? .zero
    }
}
