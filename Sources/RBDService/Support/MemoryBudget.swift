// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

import Synchronization

/// How much memory something may take, all callers together: answers that wait for their readers, data that is being copied.
final class MemoryBudget: Sendable {
    /// A part of the budget, until it is let go of.
    final class Share: Sendable {
        private let budget: MemoryBudget
        private let bytes: Mutex<Int>
        private let caller: String?

        fileprivate init(_ budget: MemoryBudget, _ bytes: Int, _ caller: String?) {
            (self.budget, self.caller) = (budget, caller)
            self.bytes = Mutex(bytes)
        }

        /// Gives back what is not needed after all.
        func shrink(to count: Int) {
            let rest = bytes.withLock { bytes in
                defer { bytes = min(bytes, count) }
                return max(0, bytes - count)
            }
            budget.give(rest, caller)
        }

        deinit { budget.give(bytes.withLock { $0 }, caller) }
    }

    private struct State {
        var used = 0
        var byCaller: [String: Int] = [:]
    }

    let bytes: Int
    private let state = Mutex(State())

    init(bytes: Int) {
        self.bytes = bytes
    }

    var used: Int { state.withLock { $0.used } }

    /// Takes a share. What is more than the whole budget is given to whoever is alone. One caller has half of it at most: the other half
    /// is for others.
    /// - Parameter caller: nil for the service itself, and where nobody is asked who he is.
    /// - Returns: nil where there is not enough left.
    func take(_ count: Int, for caller: String?) -> Share? {
        let isTaken = state.withLock { state in
            guard state.used == 0 || state.used + count <= bytes else { return false }
            if let caller {
                let own = state.byCaller[caller] ?? 0
                guard own == 0 || own + count <= bytes / 2 else { return false }
                state.byCaller[caller] = own + count
            }
            state.used += count
            return true
        }
        return isTaken ? Share(self, count, caller) : nil
    }

    private func give(_ count: Int, _ caller: String?) {
        state.withLock { state in
            state.used -= count
            guard let caller, let own = state.byCaller[caller] else { return }
            state.byCaller[caller] = own > count ? own - count : nil
        }
    }
}
