// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

/// The pauses between attempts: each is twice as long as the one before, up to a maximum. They are made shorter at
/// random, so that many clients do not come back at the same moment.
public struct Backoff: Hashable, Sendable {
    public let first: Duration
    public let maximum: Duration
    /// The part of a pause that is random: from 0 to 1.
    public let jitter: Double
    /// The number of pauses since the last success.
    public private(set) var attempts = 0

    public init(first: Duration, maximum: Duration, jitter: Double = 0.5) {
        self.first = first
        self.maximum = maximum
        self.jitter = jitter
    }

    /// The next pause.
    /// - Parameter random: from 0 to 1.
    public mutating func next(random: Double = .random(in: 0...1)) -> Duration {
        let pause = Self.pause(first, maximum, attempt: attempts)
        attempts += 1
        return pause * (1 - jitter * random)
    }

    /// After a success, the next pause is the first one again.
    public mutating func reset() {
        attempts = 0
    }

    /// The pause after a number of earlier ones, without jitter.
    static func pause(_ first: Duration, _ maximum: Duration, attempt: Int) -> Duration {
        min(first * (1 << min(attempt, 30)), maximum)
    }
}
