// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

import Synchronization

/// Since when the other sessions have given no sign of life.
///
/// A session that has claims changes its record all the time. No wall clock counts, only how long this process has seen
/// the record unchanged, while it looked regularly and got quick answers. Time does not count while the cluster is slow
/// or this process is stopped: the other replica may have been as alive as this one.
struct Sightings: Sendable {
    struct Session: Hashable, Sendable {
        var pool: String
        var id: String
    }

    private struct Sighting {
        var value: [UInt8]
        /// Since when the record has been seen unchanged, without a gap.
        var since: ContinuousClock.Instant
        var last: ContinuousClock.Instant
    }

    private var sightings: [Session: Sighting] = [:]

    /// Notes the result of a look.
    /// - Parameters:
    ///   - lease: how long a session may give no sign of life before it counts as dead.
    ///   - asked: when the read was sent.
    ///   - answered: when its result arrived.
    /// - Returns: whether the session counts as dead.
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

    /// How long a live session must still be watched before it can count as dead.
    func patience(with session: Session, lease: Duration, now: ContinuousClock.Instant = .now) -> Duration {
        sightings[session].map { max(.zero, lease - (now - $0.since)) } ?? lease
    }

    /// Whether a session has been seen unchanged for this long.
    func isIdle(_ session: Session, for duration: Duration, now: ContinuousClock.Instant = .now) -> Bool {
        sightings[session].map { now - $0.since >= duration } ?? false
    }

    /// Forgets the sessions of a pool that no longer exist.
    mutating func keep(_ ids: Set<String>, of pool: String) {
        sightings = sightings.filter { $0.key.pool != pool || ids.contains($0.key.id) }
    }
}
