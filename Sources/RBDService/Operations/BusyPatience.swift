// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

/// How long an operation waits for an image that is in use, before that is a failure.
struct BusyPatience {
    /// A client that died counts as alive for half a minute: then the OSD drops its watch.
    static let usual = Duration.seconds(60)
    /// Where only replicas of this service hold the image. That is what an attempt has left behind which an OSD's
    /// restart interrupted: the watch of a purge that has failed goes half a minute after the last such restart, and in
    /// an upgrade one restart follows the other.
    static let withReplicas = Duration.seconds(600)

    /// Since when there was nothing but this answer.
    private var since: ContinuousClock.Instant?

    /// The image was in use.
    /// - Parameter isOurs: asked only where it matters, whether nobody but replicas of this service holds the image.
    /// - Returns: whether that is a failure.
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

    /// The image could be used meanwhile.
    mutating func renew() { since = nil }
}
