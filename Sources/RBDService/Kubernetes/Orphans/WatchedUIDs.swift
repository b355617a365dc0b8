// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

import Synchronization

/// The uids of volumes that were deleted since the last search for images without volumes. A volume that came and went
/// in between has existed all the same, and its image is not looked for.
final class WatchedUIDs: Sendable {
    struct Gone: Sendable {
        var uids: Set<String> = []
        /// Whether all of them are known.
        var isComplete = true
    }

    /// More than are deleted between two searches.
    private static let capacity = 50_000

    private let gone = Mutex(Gone())

    /// A volume is gone.
    func note(_ uid: String) {
        gone.withLock { gone in
            guard gone.uids.count < Self.capacity else {
                gone.isComplete = false
                return
            }
            gone.uids.insert(uid)
        }
    }

    /// What has gone since the last call.
    func take() -> Gone {
        gone.withLock { gone in
            defer { gone = Gone() }
            return gone
        }
    }

    /// A search was not complete, and the next one needs them again.
    func giveBack(_ earlier: Gone) {
        for uid in earlier.uids { note(uid) }
        if !earlier.isComplete { gone.withLock { $0.isComplete = false } }
    }
}
