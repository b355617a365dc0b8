// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

import CoreMetrics
import TestSupport
import Testing

@testable import RBDService

@Suite(.timeLimit(.minutes(5)))
struct PrometheusTests {
    private let registry = PrometheusRegistry(declared: [
        Metric("jobs_total", .counter, labels: ["kind"], "Jobs.\nWith a \\ in \"it\"."),
        Metric("depth", .gauge, labels: ["scope"], "Depth."),
    ])

    @Test func theFormatIsExact() {
        Counter(label: "jobs_total", dimensions: [("kind", "b")], factory: registry).increment(by: 3)
        Counter(label: "jobs_total", dimensions: [("kind", "a")], factory: registry).increment()
        FloatingPointCounter(label: "cpu.seconds", factory: registry).increment(by: 0.25)
        Meter(label: "temperature", factory: registry).set(-1.5)
        let expected = #"""
            # TYPE cpu_seconds_total counter
            cpu_seconds_total 0.25
            # HELP depth Depth.
            # TYPE depth gauge
            # HELP jobs_total Jobs.\nWith a \\ in "it".
            # TYPE jobs_total counter
            jobs_total{kind="a"} 1
            jobs_total{kind="b"} 3
            # TYPE temperature gauge
            temperature -1.5

            """#
        #expect(registry.text() == expected)
    }

    @Test(arguments: ["a\"b", "a\\", "a\nb", "a\r\nb", "\\n", "", "ü\u{2028}", "} 1\nforged_total 7"])
    func labelsComeBackAsTheyWere(value: String) throws {
        Counter(label: "odd", dimensions: [("value", value)], factory: registry).increment()
        let exposition = try Exposition(registry.text())
        #expect(exposition.samples.count == 1)
        #expect(exposition.samples.first.map { Array($0.labels["value"]?.utf8 ?? "".utf8) } == Array(value.utf8))
    }

    @Test func namesBecomeThoseOfPrometheus() throws {
        let dimensions = [("le", "1"), ("__x", "2"), ("http.route", "3"), ("9", "4"), ("http.route", "5"), ("", "6")]
        Timer(label: "9http.server-request:duration", dimensions: dimensions, factory: registry).recordSeconds(1)
        let sample = try #require(Exposition(registry.text().replacing(":", with: "_")).samples.last)
        #expect(sample.name == "_9http_server_request_duration_seconds_count")
        #expect(
            sample.labels == ["exported_le": "1", "exported___x": "2", "http_route": "3", "_9": "4", "_": "6"]
        )
    }

    @Test func theSameLabelsInAnotherOrderAreTheSameSeries() throws {
        Counter(label: "c", dimensions: [("a", "1"), ("b", "2")], factory: registry).increment()
        Counter(label: "c", dimensions: [("b", "2"), ("a", "1")], factory: registry).increment()
        #expect(try Exposition(registry.text()).values("c_total") == [2])
    }

    @Test func valuesFallIntoTheirBuckets() throws {
        let timer = Timer(label: "t", factory: registry)
        // A value that equals a bound belongs to the bucket of that bound.
        for microseconds in [0, 500, 501, 60_000_000, 60_000_001] { timer.recordMicroseconds(microseconds) }
        let exposition = try Exposition(registry.text())
        #expect(exposition.values("t_seconds_bucket", ["le": "0.0005"]) == [2])
        #expect(exposition.values("t_seconds_bucket", ["le": "0.001"]) == [3])
        #expect(exposition.values("t_seconds_bucket", ["le": "30"]) == [3])
        #expect(exposition.values("t_seconds_bucket", ["le": "60"]) == [4])
        #expect(exposition.values("t_seconds_bucket", ["le": "+Inf"]) == [5])
        #expect(exposition.values("t_seconds_count") == [5])
        #expect(abs(exposition.values("t_seconds_sum")[0] - 120.001002) < 1e-9)
        #expect(exposition.values("t_seconds_bucket").count == HistogramCell.bounds.count + 1)
    }

    @Test func numbersThatAreNoneLeaveSumsAlone() throws {
        let recorder = Recorder(label: "r", factory: registry)
        recorder.record(Double.nan)
        recorder.record(Double.infinity)
        recorder.record(2)
        let counter = Counter(label: "c", factory: registry)
        counter.increment(by: 5)
        counter.increment(by: -3)
        Meter(label: "m", factory: registry).set(Double.infinity)
        let exposition = try Exposition(registry.text())
        #expect(exposition.values("r_sum") == [2])
        #expect(exposition.values("r_count") == [1])
        #expect(exposition.values("c_total") == [5])
        #expect(registry.text().contains("\nm +Inf\n"))
    }

    @Test func seriesBeyondTheBoundShareOne() throws {
        for number in 0..<(PrometheusRegistry.maximumSeries + 50) {
            Counter(label: "c", dimensions: [("path", "/\(number)")], factory: registry).increment()
        }
        let exposition = try Exposition(registry.text())
        #expect(exposition.samples.count == PrometheusRegistry.maximumSeries + 1)
        #expect(exposition.values("c_total", ["overflow": "true"]) == [50])
        #expect(exposition.values("c_total").reduce(0, +) == Double(PrometheusRegistry.maximumSeries + 50))
        // Existing series are still counted separately.
        Counter(label: "c", dimensions: [("path", "/7")], factory: registry).increment()
        #expect(try Exposition(registry.text()).values("c_total", ["path": "/7"]) == [2])
    }

    @Test func metricsBeyondTheBoundCountNothing() throws {
        for number in 0..<(PrometheusRegistry.maximumMetrics + 50) {
            Meter(label: "m\(number)", factory: registry).set(1)
        }
        #expect(try Exposition(registry.text()).samples.count == PrometheusRegistry.maximumMetrics)
    }

    @Test func samplesAreBoundedAndOnlyDeclared() throws {
        let depth = try #require(Optional(Metric("depth", .gauge, labels: ["scope"], "Depth.")))
        let samples = (0..<2_000).map { MetricSample(depth, labels: ["\($0)"], 1) }
        let stranger = MetricSample(Metric("stranger", .gauge, "x"), 1)
        let exposition = try Exposition(registry.text(with: samples + [stranger]))
        #expect(exposition.values("depth").count == PrometheusRegistry.maximumSeries)
        #expect(exposition.types["stranger"] == nil)
    }

    @Test func oneNameHasOneKind() throws {
        Meter(label: "jobs_total", factory: registry).set(7)
        Counter(label: "twice_total", factory: registry).increment()
        Meter(label: "twice_total", factory: registry).set(7)
        let exposition = try Exposition(registry.text())
        #expect(exposition.values("jobs_total") == [])
        #expect(exposition.values("twice_total") == [1])
    }

    @Test func destroyedSeriesAreGone() throws {
        let counter = Counter(label: "c", dimensions: [("a", "1")], factory: registry)
        counter.increment()
        counter.destroy()
        #expect(try Exposition(registry.text()).values("c_total") == [])
        Counter(label: "c", dimensions: [("a", "1")], factory: registry).increment()
        #expect(try Exposition(registry.text()).values("c_total") == [1])
    }

    @Test func nothingIsLostBetweenThreads() async throws {
        await withTaskGroup(of: Void.self) { group in
            for _ in 0..<8 {
                group.addTask {
                    let counter = Counter(label: "c", factory: registry)
                    let timer = Timer(label: "t", factory: registry)
                    let meter = Meter(label: "m", factory: registry)
                    for _ in 0..<10_000 {
                        counter.increment()
                        timer.recordMilliseconds(1)
                        meter.increment()
                        meter.decrement()
                    }
                }
            }
        }
        let exposition = try Exposition(registry.text())
        #expect(exposition.values("c_total") == [80_000])
        #expect(exposition.values("t_seconds_count") == [80_000])
        #expect(exposition.values("m") == [0])
    }
}

/// The parser that the other tests rely on refuses invalid input.
@Suite(.timeLimit(.minutes(5)))
struct ExpositionTests {
    @Test(arguments: [
        "# TYPE a gauge\na 1", "# TYPE a gauge\na one\n", "a 1\n", "# TYPE a gauge\na 1\na 2\n",
        "# TYPE a gauge\na{b=\"1} 2\n", "# TYPE a gauge\na{b=\"\\x\"} 2\n", "# TYPE a gauge\n\na 1\n",
        "# TYPE a counter\na 1\n", "# TYPE a_total counter\na_total -1\n", "# TYPE a gauge\n# TYPE a gauge\n",
        "# TYPE a histogram\na_bucket{le=\"1\"} 2\na_bucket{le=\"+Inf\"} 1\na_sum 1\na_count 1\n",
        "# TYPE a histogram\na_bucket{le=\"1\"} 1\na_bucket{le=\"+Inf\"} 2\na_sum 1\na_count 1\n",
    ])
    func refuses(text: String) {
        #expect(throws: Exposition.Failure.self) { try Exposition(text) }
    }
}
