// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

import Logging
import Synchronization
import Testing

@testable import Kubernetes

@Suite(.timeLimit(.minutes(5)))
struct EventSeriesTests {
    private let start = ContinuousClock.now
    private let time = KubernetesTime(microseconds: 1_700_000_000_000_000)

    private func report(_ message: String, about name: String = "data") -> EventSeries.Report {
        let object = PersistentVolume(named: name).reference
        return EventSeries.Report(
            object: EventSeries.Target(object),
            severity: .warning,
            reason: "Failed",
            message: message
        )
    }

    @Test func theSameReportRaisesTheCount() {
        var events = EventSeries()
        for _ in 0..<3 { _ = events.note(report("a"), at: start, time: time) }
        let first = events.next()
        #expect(first?.series.count == 3)
        let isEmpty = events.next() == nil
        #expect(isEmpty)
        events.sent(report("a"), as: "data.1")
        _ = events.note(report("a"), at: start + .seconds(500), time: time)
        let next = events.next()
        #expect(next?.series.count == 4)
        #expect(next?.series.event == "data.1")
    }

    @Test func aReportAfterAQuietTimeIsANewEvent() {
        var events = EventSeries()
        _ = events.note(report("a"), at: start, time: time)
        _ = events.next()
        events.sent(report("a"), as: "data.1")
        _ = events.note(report("a"), at: start + .seconds(600), time: time)
        let next = events.next()
        #expect(next?.series.count == 1)
        #expect(next?.series.event == nil)
    }

    @Test func anObjectHasALimitedNumberOfEvents() {
        var events = EventSeries()
        let taken = (0..<40).count { events.note(report("\($0)"), at: start, time: time) }
        #expect(taken == 25)
        #expect(events.dropped == 15)
        let isOtherTaken = events.note(report("a", about: "other"), at: start, time: time)
        #expect(isOtherTaken)
        let isLaterTaken = events.note(report("later"), at: start + .seconds(300), time: time)
        #expect(isLaterTaken)
        let isTooEarlyTaken = events.note(report("too early"), at: start + .seconds(301), time: time)
        #expect(!isTooEarlyTaken)
    }

    @Test func reportsThatBecomeNoEventAreTold() async throws {
        let text = """
            current-context: main
            contexts: [{name: main, context: {cluster: c, user: u}}]
            clusters: [{name: c, cluster: {server: "https://127.0.0.1:1"}}]
            users: [{name: u, user: {token: secret}}]
            """
        let logger = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }
        let settings = try CredentialSettings.kubeconfig(text, path: "/kubeconfig", context: nil)
        let client = KubernetesClient(try Credentials(settings, logger: logger), program: "test")
        let losses = Losses()
        let recorder = EventRecorder(client, component: "test", host: "here", logger: logger) { losses.note($0) }
        let object = PersistentVolume(named: "data").reference
        for number in 0..<40 { recorder.report(.warning, "Failed", "\(number)", about: object) }
        #expect(losses.all == Array(repeating: .limit, count: 15))
        await client.shutdown()
    }

    private final class Losses: Sendable {
        private let losses = Mutex<[EventRecorder.Loss]>([])

        var all: [EventRecorder.Loss] { losses.withLock { $0 } }

        func note(_ loss: EventRecorder.Loss) { losses.withLock { $0.append(loss) } }
    }

    @Test(arguments: [("data", 4), (String(repeating: "a", count: 253), 200)])
    func theNameOfAnEventBeginsWithThatOfTheObject(name: String, length: Int) {
        #expect(EventRecorder.stem(of: name) == name.prefix(length))
        // An API server refuses names with a part that ends in a dash.
        let long = String(repeating: "a", count: 198) + "-." + name
        #expect(EventRecorder.stem(of: long) == long.prefix(198))
    }

    @Test func memoryIsLimited() {
        var events = EventSeries(maximum: 10)
        for number in 0..<20 { _ = events.note(report("a", about: "\(number)"), at: start, time: time) }
        #expect(events.dropped == 10)
        while let next = events.next() { events.sent(next.report, as: "event") }
        let isTaken = events.note(report("a", about: "new"), at: start + .seconds(600), time: time)
        #expect(isTaken)
    }
}
