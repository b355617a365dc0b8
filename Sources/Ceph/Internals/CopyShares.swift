// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

import Synchronization

/// How much data each copy may have in flight. Without it, four copies of one caller would take four fifths of the
/// OSDs' throughput, and the one copy of another caller the rest. While several callers copy, all copies of one caller
/// together get as much as a single copy otherwise.
final class CopyShares: Sendable {
    private struct State {
        /// The number of running copies, by caller. Copies without a caller are not counted.
        var copies: [String?: Int] = [:]
        /// When each caller last ended a copy. A caller that copies one image after another counts as present
        /// throughout.
        var lastEnded: [String?: ContinuousClock.Instant] = [:]
    }

    /// One running copy.
    final class Share: Sendable {
        private let shares: CopyShares
        private let caller: String?

        fileprivate init(_ shares: CopyShares, _ caller: String?) {
            (self.shares, self.caller) = (shares, caller)
            shares.state.withLock { $0.copies[caller, default: 0] += 1 }
        }

        /// How many of the given number of pieces may be in flight now; at least one.
        func part(of pieces: Int) -> Int { shares.part(of: pieces, for: caller, at: .now) }

        deinit { shares.end(caller) }
    }

    private static let memory = Duration.seconds(1)

    private let state = Mutex(State())

    /// - Parameter caller: nil for the service itself, and if callers are not authenticated.
    func begin(for caller: String?) -> Share { Share(self, caller) }

    private func part(of pieces: Int, for caller: String?, at now: ContinuousClock.Instant) -> Int {
        state.withLock { state in
            let isAlone =
                state.copies.allSatisfy { $0.key == caller }
                && state.lastEnded.allSatisfy { $0.key == caller || $0.value + Self.memory < now }
            return isAlone ? pieces : max(1, pieces / max(1, state.copies[caller] ?? 1))
        }
    }

    private func end(_ caller: String?) {
        state.withLock { state in
            let now = ContinuousClock.now
            state.copies[caller, default: 1] -= 1
            if state.copies[caller] == 0 { state.copies[caller] = nil }
            state.lastEnded = state.lastEnded.filter { $0.value + Self.memory >= now }
            state.lastEnded[caller] = now
        }
    }
}
