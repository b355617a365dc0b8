// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

/// How long an operation waits for an image that is in use, before it fails.
struct BusyPatience {
    /// A client that died still counts as a watcher for 30 seconds. Then the OSD drops its watch.
    static let usual = Duration.seconds(60)
    /// If only replicas of this service use the image. They are left over from an attempt that an OSD's restart
    /// interrupted. The watch of a failed purge goes 30 seconds after the last such restart, and in an upgrade the
    /// restarts follow each other.
    static let withReplicas = Duration.seconds(600)

    /// Since when every attempt has found the image in use.
    private var since: ContinuousClock.Instant?

    /// Notes that the image was in use.
    /// - Parameter isOurs: whether only replicas of this service use the image. Called only if the result depends on
    ///   it.
    /// - Returns: whether the operation has failed.
    mutating func isExhausted(
        at now: ContinuousClock.Instant = .now,
        isOurs: () async -> Bool
    ) async -> Bool {
        let waited = now - (since ?? now)
        since = since ?? now
        guard waited >= Self.usual else { return false }
        if waited >= Self.withReplicas { return true }
        return await !isOurs()
    }

    /// Notes that the image was not in use.
    mutating func renew() { since = nil }
}
