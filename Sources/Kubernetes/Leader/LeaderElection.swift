// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

/// The decisions of an election by a Lease, without its calls. The rules are those of client-go's `leaderelection`.
///
/// The times in a Lease are of other machines' clocks, and are not compared with the own clock: a holder is gone if its
/// Lease has not changed for the Lease's duration, as seen here.
struct LeaderElection: Sendable {
    typealias Instant = ContinuousClock.Instant

    let identity: String
    let timing: LeaseTiming
    /// The Lease as it was last seen, and since when it looks so.
    private(set) var seen: (lease: Lease, since: Instant)?
    /// When the request of the last successful renewal was sent. Others count from a later time.
    private(set) var lastRenewal: Instant?
    /// How often the lease was taken. A renewal counts only if another one was seen to hold the lease before it.
    private(set) var terms: UInt64 = 0

    init(identity: String, timing: LeaseTiming) {
        self.identity = identity
        self.timing = timing
    }

    /// When the leadership ends without another renewal; nil if it has ended, or there was none.
    func leadershipEnd(at now: Instant) -> Instant? {
        guard let end = lastRenewal.map({ $0 + timing.renewDeadline }), now < end else { return nil }
        return end
    }

    func isLeader(at now: Instant) -> Bool { leadershipEnd(at: now) != nil }

    /// Who holds the lease, as far as is known.
    var holder: String? { seen?.lease.holder }

    /// The uid of the Lease; nil as long as it was not read.
    var leaseUID: String? { seen.flatMap { $0.lease.metadata.uid.isEmpty ? nil : $0.lease.metadata.uid } }

    /// What to do next.
    enum Step: Equatable, Sendable {
        /// There is no Lease: create this one.
        case create(Lease)
        /// Take or renew the lease: update it to this.
        case update(Lease)
        /// Another one holds the lease.
        case wait
    }

    /// - Parameters:
    ///   - lease: as it was just read; nil if it does not exist.
    ///   - now: when the answer was there. A process that was stopped before must not count that time as the holder's
    ///     silence.
    ///   - time: by the system's clock, for the Lease's fields.
    mutating func step(
        _ lease: Lease?,
        in namespace: String,
        named name: String,
        at now: Instant,
        time: KubernetesTime
    ) -> Step {
        guard let lease else {
            seen = nil
            var new = Lease(named: name, in: namespace)
            fill(&new, time)
            new.acquireTime = time
            new.transitions = 0
            return .create(new)
        }
        note(lease, at: now)
        var new = lease
        fill(&new, time)
        if lease.holder == identity { return .update(new) }
        if lease.holder != nil, let since = seen?.since, now < since + duration(of: lease) { return .wait }
        new.acquireTime = time
        new.transitions = lease.transitions + 1
        return .update(new)
    }

    /// The Lease was created or updated.
    /// - Parameter start: when the request was sent.
    mutating func succeeded(_ lease: Lease, start: Instant) {
        seen = (lease, start)
        guard lease.holder == identity else {
            lastRenewal = nil
            return
        }
        if lastRenewal == nil { terms += 1 }
        lastRenewal = start
    }

    /// Gives up the leadership.
    /// - Returns: the Lease to write, which nobody holds; nil if there is nothing to release.
    mutating func release(at now: Instant, time: KubernetesTime) -> Lease? {
        defer { lastRenewal = nil }
        guard isLeader(at: now), var lease = seen?.lease, lease.holder == identity else { return nil }
        lease.holder = nil
        lease.durationSeconds = 1
        lease.renewTime = time
        return lease
    }

    /// A Lease counts from when it was first seen in its form.
    private mutating func note(_ lease: Lease, at now: Instant) {
        if seen?.lease.spec != lease.spec { seen = (lease, now) } else { seen?.lease = lease }
        // Someone else has taken it, so the own leadership is over, whatever the clock says.
        if lease.holder != identity { lastRenewal = nil }
    }

    private func fill(_ lease: inout Lease, _ time: KubernetesTime) {
        lease.holder = identity
        lease.durationSeconds = timing.leaseDuration.components.seconds
        lease.renewTime = time
    }

    private func duration(of lease: Lease) -> Duration {
        lease.durationSeconds.map { Duration.seconds($0) } ?? timing.leaseDuration
    }
}

/// The times of an election. The defaults are those of client-go.
public struct LeaseTiming: Hashable, Sendable {
    /// How long others wait after the last renewal that they have seen. Whole seconds.
    public let leaseDuration: Duration
    /// How long a leader acts after its last renewal.
    public let renewDeadline: Duration
    /// The pause between attempts to take or renew the lease.
    public let retryPeriod: Duration

    /// - Precondition: each is shorter than the one before, so that a leader stops before another one starts.
    public init(
        leaseDuration: Duration = .seconds(15),
        renewDeadline: Duration = .seconds(10),
        retryPeriod: Duration = .seconds(2)
    ) {
        precondition(retryPeriod > .zero && retryPeriod < renewDeadline && renewDeadline < leaseDuration)
        self.leaseDuration = leaseDuration
        self.renewDeadline = renewDeadline
        self.retryPeriod = retryPeriod
    }
}
