// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

/// Who has asked for something lately. Only the last two need to be known to tell whether somebody else has.
struct RecentCallers {
    /// Whoever has asked so long ago still counts as one who asks.
    let memory: Duration
    private var last: (caller: String?, at: ContinuousClock.Instant)?
    private var lastButOne: (caller: String?, at: ContinuousClock.Instant)?

    init(memory: Duration = .seconds(1)) {
        self.memory = memory
    }

    mutating func note(_ caller: String?, at now: ContinuousClock.Instant) {
        if let last, last.caller != caller { lastButOne = last }
        last = (caller, now)
    }

    /// Whether nobody else asks.
    func isAlone(_ caller: String?, at now: ContinuousClock.Instant) -> Bool {
        guard let other = last?.caller == caller ? lastButOne?.at : last?.at else { return true }
        return other + memory < now
    }
}
