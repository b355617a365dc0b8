// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

public import Logging
import Synchronization

/// Reports what happens to objects as `core/v1` Events, which `kubectl describe` and `kubectl events` show.
///
/// The same report within ten minutes raises the count of one Event. Reports are dropped if there are too many. If an
/// Event can't be written, that is only logged: reports never stop the work.
public final class EventRecorder: Sendable {
    /// Why a report has become no Event.
    public enum Loss: String, CaseIterable, Sendable {
        /// The object has had too many Events in a short time, or too many objects have had some.
        case limit
        /// The API server has not taken it.
        case failure
    }

    private let client: KubernetesClient
    private let component: String
    private let host: String
    private let logger: Logger
    private let onLoss: @Sendable (Loss) -> Void
    private let state = Mutex(EventSeries())
    private let signals: AsyncStream<Void>
    private let signal: AsyncStream<Void>.Continuation

    /// The time limit of each call.
    private static let timeLimit = Duration.seconds(10)
    /// The limit of `events.k8s.io/v1`, which shows the same Events.
    private static let maximumMessageBytes = 1024

    /// - Parameters:
    ///   - component: the name of the program in Events.
    ///   - host: where it runs, such as the name of its pod.
    ///   - onLoss: called for each report that becomes no Event.
    public init(
        _ client: KubernetesClient,
        component: String,
        host: String,
        logger: Logger,
        onLoss: @escaping @Sendable (Loss) -> Void = { _ in }
    ) {
        self.client = client
        self.component = component
        self.host = host
        self.logger = logger
        self.onLoss = onLoss
        (signals, signal) = AsyncStream.makeStream(of: Void.self, bufferingPolicy: .bufferingNewest(1))
    }

    /// Reports something about an object. It returns at once.
    /// - Parameters:
    ///   - reason: one word in capitals, such as `ProvisioningFailed`.
    ///   - message: what happened and what to do, in words of the object's user. It is cut after 1024 bytes.
    public func report(
        _ severity: KubernetesEvent.Severity,
        _ reason: String,
        _ message: String,
        about object: ObjectReference
    ) {
        let report = EventSeries.Report(
            object: EventSeries.Target(object),
            severity: severity,
            reason: reason,
            message: Self.cut(message)
        )
        let time = KubernetesTime.now
        guard state.withLock({ $0.note(report, at: .now, time: time) }) else { return onLoss(.limit) }
        signal.yield()
    }

    /// Sends what is reported until the task is cancelled. It can run once.
    public func run() async {
        for await _ in signals {
            while !Task.isCancelled, let (report, series) = state.withLock({ $0.next() }) {
                do {
                    let name = try await send(report, series)
                    state.withLock { $0.sent(report, as: name) }
                } catch {
                    if Task.isCancelled { return }
                    onLoss(.failure)
                    logger.warning(
                        "an Event could not be written",
                        metadata: [
                            "object": "\(report.object.name)", "reason": "\(report.reason)", "error": "\(error)",
                        ]
                    )
                }
            }
        }
    }

    /// - Returns: the name of the Event.
    private func send(_ report: EventSeries.Report, _ series: EventSeries.Series) async throws -> String {
        // Events of objects without a namespace are in the namespace "default".
        let namespace = report.object.namespace ?? "default"
        let options = WriteOptions(timeLimit: Self.timeLimit)
        if let name = series.event {
            let change: JSONObject = [
                "count": .number(JSONNumber(series.count)), "lastTimestamp": .string(series.last.description),
            ]
            do {
                _ = try await client.patch(
                    KubernetesEvent.self,
                    named: name,
                    in: namespace,
                    with: .merge(change),
                    options
                )
                return name
            } catch KubernetesError.Reason.notFound {
                // API servers remove Events after an hour; so another one is created.
            }
        }
        let suffix = String(UInt64(bitPattern: series.last.microseconds), radix: 16)
        let random = String(UInt32.random(in: 0...UInt32.max), radix: 16)
        var event = KubernetesEvent(named: "\(Self.stem(of: report.object.name)).\(suffix)\(random)", in: namespace)
        event.object = report.object.reference
        event.severity = report.severity
        event.reason = report.reason
        event.message = report.message
        event.count = series.count
        event.firstTimestamp = series.first
        event.lastTimestamp = series.last
        event.setSource(component: component, host: host)
        return try await client.create(event, options).metadata.name
    }

    /// The beginning of an Event's name. The name of an object may be as long as that of an Event, so it is cut. No
    /// part of a name may end in a dash.
    static func stem(of name: String) -> Substring {
        var stem = name.prefix(200)
        while stem.last == "-" || stem.last == "." { stem.removeLast() }
        return stem
    }

    private static func cut(_ message: String) -> String {
        if message.utf8.count <= maximumMessageBytes { return message }
        var text = message
        while text.utf8.count > maximumMessageBytes - 3 { text.removeLast() }
        return text + "…"
    }
}
