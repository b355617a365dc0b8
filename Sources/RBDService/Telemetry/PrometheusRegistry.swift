// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

public import CoreMetrics
import Synchronization

/// All series of this process or, in tests, of one service. swift-metrics writes them, `/metrics` shows them.
///
/// Memory stays bounded whatever labels are used. Beyond ``maximumSeries``, further label sets of a metric share the
/// series `{overflow="true"}`. Beyond ``maximumMetrics``, new metrics count nothing.
public final class PrometheusRegistry: MetricsFactory {
    /// Series of one metric. Ours have some two hundred at the most: 12 routes, the methods, the statuses.
    public static let maximumSeries = 1_000
    public static let maximumMetrics = 500

    private struct Family {
        var kind: Metric.Kind
        var cells: [String: any MetricCell] = [:]
    }

    private static let overflow = PrometheusText.labels([("overflow", "true")])

    private let declared: [String: Metric]
    private let families = Mutex<[String: Family]>([:])

    /// - Parameter declared: metrics that are shown with their help, even while they have no value.
    init(declared: [Metric]) {
        self.declared = Dictionary(declared.map { ($0.name, $0) }) { first, _ in first }
    }

    public convenience init() {
        self.init(declared: Metric.all)
    }

    /// The exposition, in a stable order.
    /// - Parameter samples: values that are read at the time of the request. Only declared metrics are shown.
    func text(with samples: [MetricSample] = []) -> String {
        var sampled: [String: [String: Double]] = [:]
        for sample in samples where declared[sample.metric.name] != nil {
            let labels = PrometheusText.labels(Array(zip(sample.metric.labels, sample.labels)))
            if (sampled[sample.metric.name]?.count ?? 0) < Self.maximumSeries {
                sampled[sample.metric.name, default: [:]][labels] = sample.value
            }
        }
        let families = families.withLock { $0 }
        var text = PrometheusText()
        for name in Set(families.keys).union(declared.keys).sorted() {
            guard let kind = declared[name]?.kind ?? families[name]?.kind else { continue }
            text.head(name, kind, help: declared[name]?.help)
            if let values = sampled[name] {
                for (labels, value) in values.sorted(by: { $0.key < $1.key }) {
                    text.sample(name, labels: labels, value)
                }
            } else {
                for (_, cell) in (families[name]?.cells ?? [:]).sorted(by: { $0.key < $1.key }) {
                    cell.write(to: &text)
                }
            }
        }
        return text.text
    }

    /// - Returns: nil if the name belongs to a metric of another kind, or if there are too many metrics.
    private func cell<Cell: MetricCell>(
        _ type: Cell.Type,
        _ label: String,
        suffix: String = "",
        _ dimensions: [(String, String)]
    ) -> Cell? {
        var name = PrometheusText.metricName(label)
        if !name.hasSuffix(suffix) { name += suffix }
        let labels = PrometheusText.labels(dimensions)
        if let metric = declared[name], metric.kind != Cell.kind { return nil }
        return families.withLock { families in
            var family = families[name] ?? Family(kind: Cell.kind)
            guard family.kind == Cell.kind else { return nil }
            if let cell = family.cells[labels] { return cell as? Cell }
            if families[name] == nil, families.count >= Self.maximumMetrics { return nil }
            let isFull = family.cells.count >= Self.maximumSeries
            let key = isFull ? Self.overflow : labels
            if let cell = family.cells[key] { return cell as? Cell }
            let cell = Cell(series: SeriesID(name: name, labels: key))
            family.cells[key] = cell
            families[name] = family
            return cell
        }
    }

    private func remove(_ handler: AnyObject) {
        guard let cell = handler as? any MetricCell, cell.series.labels != Self.overflow else { return }
        families.withLock { families in
            guard families[cell.series.name]?.cells[cell.series.labels] === cell else { return }
            families[cell.series.name]?.cells.removeValue(forKey: cell.series.labels)
        }
    }
}

extension PrometheusRegistry {
    /// - Parameter values: the values of the metric's labels, in their order.
    func counter(_ metric: Metric, _ values: String...) -> Counter {
        Counter(label: metric.name, dimensions: Array(zip(metric.labels, values)), factory: self)
    }

    /// - Parameter values: the values of the metric's labels, in their order.
    func timer(_ metric: Metric, _ values: String...) -> Timer {
        Timer(label: metric.name, dimensions: Array(zip(metric.labels, values)), factory: self)
    }
}

extension PrometheusRegistry {
    public func makeCounter(label: String, dimensions: [(String, String)]) -> any CounterHandler {
        cell(CounterCell.self, label, suffix: "_total", dimensions) ?? NOOPMetricsHandler.instance
    }

    public func makeFloatingPointCounter(
        label: String,
        dimensions: [(String, String)]
    ) -> any FloatingPointCounterHandler {
        cell(CounterCell.self, label, suffix: "_total", dimensions) ?? NOOPMetricsHandler.instance
    }

    public func makeMeter(label: String, dimensions: [(String, String)]) -> any MeterHandler {
        cell(GaugeCell.self, label, dimensions) ?? NOOPMetricsHandler.instance
    }

    public func makeRecorder(label: String, dimensions: [(String, String)], aggregate: Bool) -> any RecorderHandler {
        guard aggregate else { return cell(GaugeCell.self, label, dimensions) ?? NOOPMetricsHandler.instance }
        return cell(HistogramCell.self, label, dimensions) ?? NOOPMetricsHandler.instance
    }

    public func makeTimer(label: String, dimensions: [(String, String)]) -> any TimerHandler {
        cell(HistogramCell.self, label, suffix: "_seconds", dimensions) ?? NOOPMetricsHandler.instance
    }

    public func destroyCounter(_ handler: any CounterHandler) { remove(handler) }
    public func destroyFloatingPointCounter(_ handler: any FloatingPointCounterHandler) { remove(handler) }
    public func destroyMeter(_ handler: any MeterHandler) { remove(handler) }
    public func destroyRecorder(_ handler: any RecorderHandler) { remove(handler) }
    public func destroyTimer(_ handler: any TimerHandler) { remove(handler) }
}
