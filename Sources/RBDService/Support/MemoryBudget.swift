// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

import Synchronization

/// Limits the memory of one purpose, for all callers together: answers that wait for their readers, data that is being
/// copied.
final class MemoryBudget: Sendable {
    /// A part of the budget. Dropping it returns its bytes.
    final class Share: Sendable {
        private let budget: MemoryBudget
        private let bytes: Mutex<Int>
        private let caller: String?

        fileprivate init(_ budget: MemoryBudget, _ bytes: Int, _ caller: String?) {
            (self.budget, self.caller) = (budget, caller)
            self.bytes = Mutex(bytes)
        }

        /// Returns the bytes that are not needed.
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

    /// Takes a share. A caller can take at most half of the budget, the other half is for others. Both limits allow a
    /// single larger share if nothing else is in use.
    /// - Parameter caller: nil for the service itself, and if callers are not authenticated.
    /// - Returns: nil if there is not enough left.
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
