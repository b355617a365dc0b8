// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

import Ceph
import Dispatch
import Testing

@testable import RBDService

/// The metrics and the log show threads that hang.
@Suite(.timeLimit(.minutes(5)))
struct StuckThreadsTests {
    @Test func metricsCountThem() async throws {
        let calls = BlockingPool(limits: .init(threads: 1, queue: 1))
        let telemetry = Telemetry(registry: PrometheusRegistry(), logger: LogRecorder().logger())
        telemetry.sample { Telemetry.samples(of: calls.snapshot) }
        let gate = DispatchSemaphore(value: 0)
        defer { gate.signal() }
        await #expect(throws: CephError(.timedOut, .readImage, on: .pool("sick"))) {
            try await calls.run(.readImage, on: .pool("sick"), deadline: .now + .seconds(1)) {
                () throws(CephError) in
                gate.wait()
            }
        }
        #expect(telemetry.exposition.contains("\nrbd_rest_api_call_threads_stuck 1\n"))
    }

    @Test func theLogTellsWhenTheyAppearDoubleAndAreGone() {
        let recorder = LogRecorder()
        let connection = ClusterConnection(
            configuration: ClusterConfiguration(),
            limits: .init(),
            interval: .seconds(5),
            logger: recorder.logger()
        )
        var told = 0
        for stuck in [0, 1, 1, 2, 3, 4, 3, 0, 0] { told = connection.report(stuck: stuck, before: told) }
        let lines = recorder.lines
        #expect(lines.count == 4)
        #expect(lines.prefix(3).map { $0.contains("\"threads\":") } == [true, true, true])
        #expect(lines.last?.contains("no threads hang any more") == true)
    }
}
