// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

import CoreMetrics
import Synchronization

/// A series of a metric with its value. Metric handles write it, the exposition reads it.
protocol MetricCell: AnyObject, Sendable {
    static var kind: Metric.Kind { get }
    var series: SeriesID { get }
    init(series: SeriesID)
    func write(to text: inout PrometheusText)
}

struct SeriesID: Hashable, Sendable {
    var name: String
    /// Sorted, escaped and joined as in the exposition: `a="1",b="2"`.
    var labels: String
}

/// A value that only increases.
final class CounterCell: MetricCell, CounterHandler, FloatingPointCounterHandler {
    static let kind = Metric.Kind.counter
    let series: SeriesID
    private let value = AtomicDouble()

    init(series: SeriesID) {
        self.series = series
    }

    func increment(by amount: Int64) {
        increment(by: Double(amount))
    }

    func increment(by amount: Double) {
        // Prometheus takes a decreasing counter for one that was reset.
        if amount > 0, amount.isFinite { value.add(amount) }
    }

    func reset() {
        value.store(0)
    }

    func write(to text: inout PrometheusText) {
        text.sample(series.name, labels: series.labels, value.load())
    }
}

/// The last value that was set.
final class GaugeCell: MetricCell, MeterHandler, RecorderHandler {
    static let kind = Metric.Kind.gauge
    let series: SeriesID
    private let value = AtomicDouble()

    init(series: SeriesID) {
        self.series = series
    }

    func set(_ value: Int64) {
        self.value.store(Double(value))
    }

    func set(_ value: Double) {
        self.value.store(value)
    }

    func increment(by amount: Double) {
        value.add(amount)
    }

    func decrement(by amount: Double) {
        value.add(-amount)
    }

    func record(_ value: Int64) {
        set(value)
    }

    func record(_ value: Double) {
        set(value)
    }

    func write(to text: inout PrometheusText) {
        text.sample(series.name, labels: series.labels, value.load())
    }
}

/// The number of values in each bucket. A lock keeps buckets, sum and count consistent when they are read.
final class HistogramCell: MetricCell, TimerHandler, RecorderHandler {
    static let kind = Metric.Kind.histogram

    /// The buckets' upper bounds in seconds. Half a millisecond is an answer without Ceph, 30 s is the default
    /// deadline.
    static let bounds: [Double] = [
        0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60,
    ]

    private struct Values {
        /// One more than there are bounds: the last one counts values above all of them.
        var counts = [UInt64](repeating: 0, count: HistogramCell.bounds.count + 1)
        var sum = 0.0
    }

    let series: SeriesID
    private let values = Mutex(Values())

    init(series: SeriesID) {
        self.series = series
    }

    func recordNanoseconds(_ duration: Int64) {
        record(Double(duration) / 1e9)
    }

    func record(_ value: Int64) {
        record(Double(value))
    }

    func record(_ value: Double) {
        // A single NaN would make the sum NaN for ever.
        guard value.isFinite else { return }
        let index = Self.bounds.firstIndex { value <= $0 } ?? Self.bounds.count
        values.withLock { values in
            values.counts[index] += 1
            values.sum += value
        }
    }

    func write(to text: inout PrometheusText) {
        let (counts, sum) = values.withLock { ($0.counts, $0.sum) }
        let separator = series.labels.isEmpty ? "" : ","
        var total: UInt64 = 0
        for (index, count) in counts.enumerated() {
            total += count
            let bound = index < Self.bounds.count ? Self.bounds[index] : .infinity
            let labels = "\(series.labels)\(separator)le=\"\(PrometheusText.number(bound))\""
            text.sample("\(series.name)_bucket", labels: labels, Double(total))
        }
        text.sample("\(series.name)_sum", labels: series.labels, sum)
        text.sample("\(series.name)_count", labels: series.labels, Double(total))
    }
}

/// A number that several threads change without a lock.
private struct AtomicDouble: ~Copyable, Sendable {
    private let bits = Atomic<UInt64>(0)

    func load() -> Double {
        Double(bitPattern: bits.load(ordering: .relaxed))
    }

    func store(_ value: Double) {
        bits.store(value.bitPattern, ordering: .relaxed)
    }

    func add(_ amount: Double) {
        var current = bits.load(ordering: .relaxed)
        while true {
            let sum = (Double(bitPattern: current) + amount).bitPattern
            let (exchanged, original) = bits.weakCompareExchange(expected: current, desired: sum, ordering: .relaxed)
            if exchanged { return }
            current = original
        }
    }
}
