// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

public import Naming
import Synchronization

/// Remembers which parts of the cluster do not answer. Calls to them are refused immediately, instead of waiting for
/// their deadline in a thread that others need.
///
/// A breaker opens after a number of successive timeouts. The owner of the breakers then probes the scope, one probe at
/// a time. The first answer, whatever it is, closes the breaker again. No caller is used as a probe.
public final class Breakers: Sendable {
    public enum State: String, CaseIterable, Sendable {
        case closed
        /// Calls are refused.
        case open
        /// Calls are refused, and a probe is running.
        case halfOpen
    }

    /// A breaker that has been open at least once.
    public struct Snapshot: Hashable, Sendable {
        public var scope: CallScope
        public var state: State
        /// How many times it has opened.
        public var openings: Int
    }

    /// A scope to probe.
    public struct Probe: Hashable, Sendable {
        public var scope: CallScope
        /// The image whose call timed out last. A pool may answer for some of its objects and not for others.
        public var image: ImageSpec?
    }

    private struct Breaker {
        var state = State.closed
        var timeouts = 0
        var openings = 0
        var lastImage: ImageSpec?
        var nextProbe = ContinuousClock.now
    }

    private static let capacity = 1000

    private let threshold: Int
    private let interval: Duration
    private let patience: Duration
    private let breakers = Mutex<[CallScope: Breaker]>([:])

    /// - Parameters:
    ///   - threshold: the number of successive timeouts that opens a breaker.
    ///   - interval: how long to wait after a failed probe.
    ///   - patience: a caller that waited longer than this before it was released counts as a timeout of the cluster. A
    ///     caller's own deadline may be much shorter, and says nothing about the cluster.
    public init(threshold: Int = 3, interval: Duration = .seconds(1), patience: Duration = .zero) {
        self.threshold = threshold
        self.interval = interval
        self.patience = patience
    }

    // MARK: Calls

    /// - Throws: `CephError` with `.poolUnavailable` or `.clusterUnreachable` if the scope's breaker is open.
    func admit(_ scope: CallScope, _ operation: CephError.Operation, on resource: CephError.Resource) throws(CephError)
    {
        guard isOpen(scope) else { return }
        switch scope {
        case .pool:
            throw CephError(.poolUnavailable, operation, on: resource)
        case .monitors:
            let detail = "its monitors do not answer; they are checked every second"
            throw CephError(.clusterUnreachable, operation, on: resource, detail: detail)
        }
    }

    /// Whether calls to the scope are refused.
    public func isOpen(_ scope: CallScope) -> Bool {
        breakers.withLock { ($0[scope]?.state ?? .closed) != .closed }
    }

    /// - Parameters:
    ///   - error: nil for a success.
    ///   - time: how long the call took, or its caller waited; nil counts as long enough.
    /// - Returns: true if this opened the breaker.
    @discardableResult
    func record(_ scope: CallScope, _ error: CephError?, after time: Duration? = nil) -> Bool {
        if let error, let time, error.isOfADeadline, time < patience { return false }
        switch Self.verdict(on: error) {
        case .answered:
            // Most calls succeed and have no breaker. Nothing is stored for them.
            breakers.withLock { breakers in
                if breakers[scope]?.state == .closed { breakers[scope]?.timeouts = 0 }
            }
            return false
        case .silent:
            return breakers.withLock { breakers in
                // Requests for pools that do not exist, while the monitors are down, must not fill the memory.
                if breakers.count >= Self.capacity { breakers = breakers.filter { $0.value.state != .closed } }
                var breaker = breakers[scope] ?? Breaker()
                defer { breakers[scope] = breaker }
                breaker.timeouts += 1
                if let image = error?.resource.image { breaker.lastImage = image }
                guard breaker.state == .closed, breaker.timeouts >= threshold else { return false }
                breaker.state = .open
                breaker.openings += 1
                breaker.nextProbe = .now
                return true
            }
        case .unknown:
            return false
        }
    }

    /// Whether the error comes from an answer of the cluster.
    static func isAnswer(_ error: CephError) -> Bool {
        verdict(on: error) == .answered
    }

    private enum Verdict {
        case answered, silent, unknown
    }

    private static func verdict(on error: CephError?) -> Verdict {
        guard let error else { return .answered }
        return switch error.code {
        case .timedOut:
            switch error.operation {
            // The duration of these calls depends on the amount of data to remove or copy. Only Ceph's own timeout
            // shows that nothing answers.
            case .removeImage, .changeGroupSnapshots: error.errno == nil ? .unknown : .silent
            // It waits for the OSDs of a new pool, which may be too few. The monitors have answered.
            case .initializePool: .unknown
            default: .silent
            }
        case .notStarted, .overloaded, .shutDown, .clientBlocklisted, .clusterUnreachable, .poolUnavailable: .unknown
        default: .answered
        }
    }

    // MARK: Probes

    /// The open breakers that are due for a probe. Each is half-open until ``probeEnded(_:hasAnswered:)`` is called.
    public func takeDueProbes(at now: ContinuousClock.Instant = .now) -> [Probe] {
        breakers.withLock { breakers in
            var probes: [Probe] = []
            for (scope, breaker) in breakers where breaker.state == .open && breaker.nextProbe <= now {
                breakers[scope]?.state = .halfOpen
                probes.append(Probe(scope: scope, image: breaker.lastImage))
            }
            return probes
        }
    }

    /// Ends a probe.
    /// - Parameter hasAnswered: true closes the breaker; false keeps it open until the next probe.
    public func probeEnded(_ scope: CallScope, hasAnswered: Bool) {
        breakers.withLock { breakers in
            breakers[scope]?.timeouts = 0
            breakers[scope]?.state = hasAnswered ? .closed : .open
            breakers[scope]?.nextProbe = .now + interval
        }
    }

    /// Discards all running probes, because the connection that they were sent through is gone.
    public func forgetProbes() {
        breakers.withLock { breakers in
            for (scope, breaker) in breakers where breaker.state == .halfOpen {
                breakers[scope]?.state = .open
                breakers[scope]?.nextProbe = .now
            }
        }
    }

    /// The number of breakers that are stored.
    var count: Int { breakers.withLock { $0.count } }

    /// The breakers that have ever opened, and whether they are open now.
    public var snapshot: [Snapshot] {
        breakers.withLock { breakers in
            breakers.compactMap { scope, breaker in
                breaker.openings == 0
                    ? nil : Snapshot(scope: scope, state: breaker.state, openings: breaker.openings)
            }
        }
    }
}

extension CephError {
    /// Whether a caller's deadline has passed. Ceph's own timeouts have an errno.
    var isOfADeadline: Bool { code == .timedOut && errno == nil }
}
