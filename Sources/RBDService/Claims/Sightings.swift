// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

import Synchronization

/// Since when each other session was seen without a sign of life.
///
/// A session that has claims changes its record all the time. Nobody's wall clock counts: only for how long this
/// process has seen the record unchanged, looking again and again and getting its answers quickly. While the cluster is
/// slow or this process was stopped, no time counts: the other one may have been as alive as we were.
struct Sightings: Sendable {
    struct Session: Hashable, Sendable {
        var pool: String
        var id: String
    }

    private struct Sighting {
        var value: [UInt8]
        /// When it was first seen like this, without a gap since.
        var since: ContinuousClock.Instant
        var last: ContinuousClock.Instant
    }

    private var sightings: [Session: Sighting] = [:]

    /// Notes what a look has found.
    /// - Parameters:
    ///   - lease: after so long without a sign of life the session is taken for dead.
    ///   - asked: when the question was sent.
    ///   - answered: when the answer came.
    /// - Returns: whether the session is to be taken for dead.
    mutating func see(
        _ session: Session,
        _ value: [UInt8],
        lease: Duration,
        asked: ContinuousClock.Instant,
        answered: ContinuousClock.Instant
    ) -> Bool {
        guard let sighting = sightings[session], sighting.value == value, answered - asked < lease / 4,
            asked - sighting.last < lease / 2
        else {
            sightings[session] = Sighting(value: value, since: answered, last: answered)
            return false
        }
        sightings[session]?.last = answered
        return asked - sighting.since >= lease
    }

    /// For how long a session that is not dead yet has still to be watched.
    func patience(with session: Session, lease: Duration, now: ContinuousClock.Instant = .now) -> Duration {
        sightings[session].map { max(.zero, lease - (now - $0.since)) } ?? lease
    }

    /// Since when a session was seen unchanged.
    func isIdle(_ session: Session, for duration: Duration, now: ContinuousClock.Instant = .now) -> Bool {
        sightings[session].map { now - $0.since >= duration } ?? false
    }

    /// Forgets sessions of a pool that are there no longer.
    mutating func keep(_ ids: Set<String>, of pool: String) {
        sightings = sightings.filter { $0.key.pool != pool || ids.contains($0.key.id) }
    }
}
