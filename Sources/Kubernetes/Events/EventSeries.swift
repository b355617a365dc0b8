// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

/// Aggregates what is reported about objects, and limits it, without its calls.
///
/// The same report about an object within ten minutes is one Event with a count. An object may have so many Events in a
/// row, and then one for each interval. Objects and Events that have been quiet are forgotten.
struct EventSeries: Sendable {
    typealias Instant = ContinuousClock.Instant

    /// What is reported.
    struct Report: Hashable, Sendable {
        var object: Target
        var severity: KubernetesEvent.Severity
        var reason: String
        var message: String
    }

    /// The object that a report is about.
    struct Target: Hashable, Sendable {
        var apiVersion: String
        var kind: String
        var namespace: String?
        var name: String
        var uid: String

        init(_ reference: ObjectReference) {
            apiVersion = reference.apiVersion
            kind = reference.kind
            namespace = reference.namespace
            name = reference.name
            uid = reference.uid
        }

        var reference: ObjectReference {
            var reference = ObjectReference()
            reference.apiVersion = apiVersion
            reference.kind = kind
            reference.namespace = namespace
            reference.name = name
            reference.uid = uid
            return reference
        }
    }

    /// The reports of one kind, and the Event that has them.
    struct Series: Sendable {
        var count: Int64
        var first: KubernetesTime
        var last: KubernetesTime
        /// The name of the Event; nil before it is created.
        var event: String?
        fileprivate var lastNote: Instant
        /// Whether the Event does not have all reports yet.
        fileprivate var isPending: Bool
    }

    /// The tokens of an object: each new Event takes one.
    private struct Allowance {
        var tokens: Double
        var since: Instant
    }

    /// How long reports are aggregated.
    static let window = Duration.seconds(600)
    /// The number of Events that an object may have in a row, and the time after which it may have one more.
    static let burst = 25.0
    static let refill = Duration.seconds(300)

    private let maximum: Int
    private var series: [Report: Series] = [:]
    private var pending: [Report] = []
    private var allowances: [Target: Allowance] = [:]
    /// The number of reports that were dropped.
    private(set) var dropped: UInt64 = 0

    /// - Parameter maximum: the number of series, and of objects, that are remembered.
    init(maximum: Int = 1024) {
        self.maximum = maximum
    }

    /// Takes a report.
    /// - Returns: whether there is something to send.
    mutating func note(_ report: Report, at now: Instant, time: KubernetesTime) -> Bool {
        if var known = series[report], now - known.lastNote < Self.window {
            known.count += 1
            known.last = time
            known.lastNote = now
            if !known.isPending { pending.append(report) }
            known.isPending = true
            series[report] = known
            return true
        }
        makeRoom(at: now)
        guard series.count < maximum, takeToken(report.object, at: now) else {
            dropped += 1
            return false
        }
        let isPending = series[report]?.isPending ?? false
        series[report] = Series(count: 1, first: time, last: time, event: nil, lastNote: now, isPending: true)
        if !isPending { pending.append(report) }
        return true
    }

    /// The next series to send; nil if there is none.
    mutating func next() -> (report: Report, series: Series)? {
        while !pending.isEmpty {
            let report = pending.removeFirst()
            guard var found = series[report] else { continue }
            found.isPending = false
            series[report] = found
            return (report, found)
        }
        return nil
    }

    /// The series was sent as this Event; nil if the Event is gone, and a new one must be created.
    mutating func sent(_ report: Report, as event: String?) {
        series[report]?.event = event
    }

    /// Forgets series that are over, and objects whose allowance is full again.
    private mutating func makeRoom(at now: Instant) {
        if series.count >= maximum {
            series = series.filter { $0.value.isPending || now - $0.value.lastNote < Self.window }
        }
        if allowances.count >= maximum {
            allowances = allowances.filter { Self.tokens($0.value, at: now) < Self.burst }
        }
    }

    private mutating func takeToken(_ object: Target, at now: Instant) -> Bool {
        let tokens = allowances[object].map { Self.tokens($0, at: now) } ?? Self.burst
        guard tokens >= 1, allowances[object] != nil || allowances.count < maximum else { return false }
        allowances[object] = Allowance(tokens: tokens - 1, since: now)
        return true
    }

    private static func tokens(_ allowance: Allowance, at now: Instant) -> Double {
        min(burst, allowance.tokens + (now - allowance.since) / refill)
    }
}
