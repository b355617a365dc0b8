// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

import Ceph
import CoreMetrics
import Logging
import RBDAPI
import Synchronization

/// The service's metrics, and its log lines about requests and calls to the cluster.
final class Telemetry: Sendable {
    typealias Sampler = @Sendable () -> [MetricSample]

    let registry: PrometheusRegistry
    /// The observer for calls to the cluster. It does not reference the telemetry, which may reference the caller.
    let calls: CallTelemetry
    let requests: RequestMetrics
    private let logger: Logger
    private let samplers = Mutex<[Sampler]>([])

    init(registry: PrometheusRegistry, logger: Logger) {
        self.registry = registry
        self.logger = logger
        calls = CallTelemetry(registry: registry, logger: logger)
        requests = RequestMetrics(registry: registry)
        let build = MetricSample(.buildInfo, labels: [programVersion, Cluster.libradosVersion], 1)
        sample { [build] + ProcessSampler.samples() }
    }

    /// A request was refused before it reached a route.
    @Sendable func refused(_ problem: Problem) {
        requests.refused(problem.kind)
        logger.debug(
            "request refused",
            metadata: [
                LogKeys.requestID: "\(problem.instance ?? "")", LogKeys.problem: "\(problem.code)",
                LogKeys.status: .stringConvertible(problem.status),
            ]
        )
    }

    /// Adds values that are read for each request of /metrics. A sampler must return at once and must not call the
    /// cluster.
    func sample(_ sampler: @escaping Sampler) {
        samplers.withLock { $0.append(sampler) }
    }

    /// The text of `/metrics`.
    var exposition: String {
        let samplers = samplers.withLock { $0 }
        return registry.text(with: samplers.flatMap { $0() })
    }
}

extension Telemetry {
    /// Metrics of the threads for calls to the cluster.
    static func samples(of threads: BlockingPool.Snapshot) -> [MetricSample] {
        [
            MetricSample(.callThreads, Double(threads.threads)),
            MetricSample(.callThreadsRunning, Double(threads.running)),
            MetricSample(.callThreadsStuck, Double(threads.abandoned)),
            MetricSample(.callQueueLength, Double(threads.queued)),
        ]
    }

    func watch(_ connection: ClusterConnection) {
        sample {
            [
                MetricSample(.clusterConnected, connection.trouble == nil ? 1 : 0),
                MetricSample(.connectionGeneration, Double(connection.generation)),
            ] + Self.samples(of: connection.callThreads) + Self.samples(of: connection.breakers.snapshot)
        }
    }

    /// Further pools have no metrics of their own. Pools whose calls are refused come first.
    static let maximumPools = 100

    /// - Parameter breakers: the breakers that have ever opened. The monitors' breaker is always shown, so that it
    ///   always has a value.
    static func samples(of breakers: [Breakers.Snapshot]) -> [MetricSample] {
        var samples: [MetricSample] = []
        func add(_ labels: [String], _ breaker: Breakers.Snapshot?) {
            // A half-open breaker still refuses callers: only its probe passes.
            let isOpen = (breaker?.state ?? .closed) != .closed
            samples.append(MetricSample(.breakerOpen, labels: labels, isOpen ? 1 : 0))
            samples.append(MetricSample(.breakerOpenings, labels: labels, Double(breaker?.openings ?? 0)))
        }
        add(["monitors"], breakers.first { $0.scope == .monitors })
        let sorted = breakers.filter { $0.state != .closed } + breakers.filter { $0.state == .closed }
        for breaker in sorted.filter({ $0.scope != .monitors }).prefix(maximumPools) {
            if case .pool(let pool) = breaker.scope { add(["pool", pool], breaker) }
        }
        return samples
    }
}
