// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

/// Remembers recent callers. The last two suffice to tell whether another caller is active.
struct RecentCallers {
    /// How long a caller counts as active after its last request.
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

    /// Whether no other caller is active.
    func isAlone(_ caller: String?, at now: ContinuousClock.Instant) -> Bool {
        guard let other = last?.caller == caller ? lastButOne?.at : last?.at else { return true }
        return other + memory < now
    }
}
