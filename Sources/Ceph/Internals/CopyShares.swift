// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

import Synchronization

/// How much data each copy may have on its way. Four copies of one caller would take four fifths of what the OSDs can do from the one of
/// another: as long as several callers copy, the copies of each have together what one copy has otherwise.
final class CopyShares: Sendable {
    private struct State {
        /// How many copies are at work, by caller; none is noted of a caller without.
        var copies: [String?: Int] = [:]
        /// Who has ended a copy, and when: whoever copies one image after the other is there all the time.
        var lastEnded: [String?: ContinuousClock.Instant] = [:]
    }

    /// One copy that is at work.
    final class Share: Sendable {
        private let shares: CopyShares
        private let caller: String?

        fileprivate init(_ shares: CopyShares, _ caller: String?) {
            (self.shares, self.caller) = (shares, caller)
            shares.state.withLock { $0.copies[caller, default: 0] += 1 }
        }

        /// How much of a whole may be on its way now, of so many pieces; at least one.
        func part(of pieces: Int) -> Int { shares.part(of: pieces, for: caller, at: .now) }

        deinit { shares.end(caller) }
    }

    private static let memory = Duration.seconds(1)

    private let state = Mutex(State())

    /// - Parameter caller: nil for the service itself, and where nobody is asked who he is.
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
