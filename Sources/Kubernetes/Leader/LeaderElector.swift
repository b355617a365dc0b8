// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

public import Logging
import Synchronization

/// Holds a `coordination.k8s.io/v1` Lease, so that one replica of several acts.
///
/// A leader must ask ``isLeader`` before each write. It is false as soon as the last renewal is older than the renewal
/// deadline, by a clock that runs on while the process is stopped. No other replica takes the lease before that.
public final class LeaderElector: Sendable {
    private let client: KubernetesClient
    private let name: String
    private let namespace: String
    /// The name of this process in the Lease.
    public let identity: String
    private let timing: LeaseTiming
    private let logger: Logger
    private let election: Mutex<LeaderElection>

    /// - Parameters:
    ///   - name: of the Lease.
    ///   - identity: must be unique to this process: after a restart it must be another one.
    public init(
        _ client: KubernetesClient,
        lease name: String,
        in namespace: String,
        identity: String,
        timing: LeaseTiming = LeaseTiming(),
        logger: Logger
    ) {
        self.client = client
        self.name = name
        self.namespace = namespace
        self.identity = identity
        self.timing = timing
        self.logger = logger
        election = Mutex(LeaderElection(identity: identity, timing: timing))
    }

    /// An identity that no other process has: the name of the host, and a random number.
    public static func uniqueIdentity(host: String) -> String {
        "\(host)_\(String(UInt64.random(in: 0...UInt64.max), radix: 16))"
    }

    /// Whether this process may write now.
    public var isLeader: Bool { election.withLock { $0.isLeader(at: .now) } }

    /// Who holds the lease, as far as is known; nil if nobody does.
    public var holder: String? { election.withLock { $0.holder } }

    /// The uid of the Lease, which no other Lease of any cluster has; nil as long as the Lease was not read.
    public var leaseUID: String? { election.withLock { $0.leaseUID } }

    /// How often this process has become leader.
    public var termCount: UInt64 { election.withLock { $0.terms } }

    /// Takes part in the election until the task is cancelled, and then releases the lease.
    /// - Parameter body: runs while this process is leader. It is cancelled when the lease is lost, or the task is
    ///   cancelled, and must then end soon: until it has ended, this process does not become leader again. If another
    ///   process was leader in between, the body is cancelled and starts again.
    public func run(whileLeading body: @escaping @Sendable () async -> Void) async {
        var leading: (term: UInt64, task: Task<Void, Never>)?
        while !Task.isCancelled {
            do {
                try await attempt()
            } catch {
                if !Task.isCancelled { report(error) }
            }
            let (isLeader, term) = election.withLock { ($0.isLeader(at: .now), $0.terms) }
            if let (begun, task) = leading, !isLeader || begun != term {
                logger.warning("this replica is no longer the leader", metadata: metadata)
                task.cancel()
                await task.value
                leading = nil
                continue
            }
            if leading == nil, isLeader {
                logger.notice("this replica is now the leader", metadata: metadata)
                leading = (term, Task { await body() })
            }
            try? await Task.sleep(for: pause)
        }
        leading?.task.cancel()
        await leading?.task.value
        await release()
    }

    /// A leader must notice in time that its leadership ends. Followers come at different times.
    private var pause: Duration {
        let now = ContinuousClock.now
        if let end = election.withLock({ $0.leadershipEnd(at: now) }) { return min(timing.retryPeriod, end - now) }
        return timing.retryPeriod * Double.random(in: 1...2.2)
    }

    /// Tries once to take or renew the lease.
    private func attempt() async throws {
        let start = ContinuousClock.now
        let end = election.withLock { $0.leadershipEnd(at: start) }
        // Two attempts must fit before the deadline: one request that gets no answer must not cost the lease.
        let limit = min(end.map { $0 - start } ?? timing.renewDeadline, timing.renewDeadline / 2)
        try await withTimeLimit(limit) {
            try await self.attempt(limit: limit)
        }
    }

    private func attempt(limit: Duration) async throws {
        var lease: Lease?
        do {
            lease = try await client.get(Lease.self, named: name, in: namespace, timeLimit: limit)
        } catch KubernetesError.Reason.notFound {
            lease = nil
        }
        let (found, time) = (lease, KubernetesTime.now)
        let step = election.withLock {
            $0.step(found, in: namespace, named: name, at: .now, time: time)
        }
        let options = WriteOptions(timeLimit: limit)
        let start = ContinuousClock.now
        let written: Lease
        switch step {
        case .wait: return
        case .create(let lease): written = try await client.create(lease, options)
        case .update(let lease): written = try await client.update(lease, options)
        }
        election.withLock { $0.succeeded(written, start: start) }
    }

    /// Gives the lease to others at once, although the task is cancelled.
    private func release() async {
        let time = KubernetesTime.now
        guard let lease = election.withLock({ $0.release(at: .now, time: time) }) else { return }
        let client = self.client
        let limit = timing.retryPeriod
        let released = Task<Bool, Never> {
            do {
                _ = try await client.update(lease, WriteOptions(timeLimit: limit))
                return true
            } catch {
                return false
            }
        }
        let isReleased = await released.value
        logger.notice(
            isReleased ? "the lease was released" : "the lease could not be released; others wait until it ends",
            metadata: metadata
        )
    }

    private func report(_ error: any Error) {
        var metadata = self.metadata
        metadata["error"] = "\(error)"
        // Another replica was faster: this is how an election works.
        if case KubernetesError.Reason.conflict = error { return }
        if case KubernetesError.Reason.alreadyExists = error { return }
        logger.warning("the lease could not be taken or renewed", metadata: metadata)
    }

    private var metadata: Logger.Metadata {
        ["lease": "\(namespace)/\(name)", "identity": "\(identity)"]
    }
}
