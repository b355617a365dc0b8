// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

import Synchronization

/// When a peer was last heard of.
final class LastContact: Sendable {
    private let value: Mutex<ContinuousClock.Instant?>

    init(_ instant: ContinuousClock.Instant? = nil) {
        value = Mutex(instant)
    }

    /// Nil if it was never heard of.
    var instant: ContinuousClock.Instant? { value.withLock { $0 } }

    func note(_ instant: ContinuousClock.Instant = .now) {
        value.withLock { $0 = instant }
    }
}
