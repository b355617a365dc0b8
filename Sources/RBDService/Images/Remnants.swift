// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

import Ceph
import Synchronization

/// Since when each incomplete image has been seen that no replica has claimed.
///
/// Another program may still be working on it, and would lose its image if we removed it. So it is touched only after
/// it has been seen unchanged for longer than any step may take. Only our own clock counts: the clocks of the other
/// machines may be wrong.
final class Remnants: Sendable {
    /// What was seen.
    enum Remnant: Hashable {
        case name(ImageStanding)
        case clone(UnattachedClone)
    }

    private struct Sighting {
        var remnant: Remnant
        var since: ContinuousClock.Instant
    }

    /// The maximum number of sightings. More incomplete images exist only if something is very wrong. Then the oldest
    /// sightings are dropped, and their wait begins anew.
    private static let capacity = 10_000

    private let patience: Duration
    private let sightings = Mutex<[CephError.Resource: Sighting]>([:])

    init(patience: Duration) {
        self.patience = patience
    }

    /// Notes a remnant.
    /// - Returns: whether it has been there long enough to be touched.
    func isStale(_ remnant: Remnant, of image: CephError.Resource, now: ContinuousClock.Instant = .now) -> Bool {
        sightings.withLock { sightings in
            if let sighting = sightings[image], sighting.remnant == remnant { return now - sighting.since >= patience }
            if sightings.count >= Self.capacity, let oldest = sightings.min(by: { $0.value.since < $1.value.since }) {
                sightings[oldest.key] = nil
            }
            sightings[image] = Sighting(remnant: remnant, since: now)
            return patience <= .zero
        }
    }

    func forget(_ image: CephError.Resource) {
        sightings.withLock { $0[image] = nil }
    }
}
