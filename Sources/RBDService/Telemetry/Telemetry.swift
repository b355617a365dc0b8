// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

import Ceph
import CoreMetrics
import Logging
import Synchronization

/// What the service tells of itself: its metrics, and the lines of its log about requests and calls to the cluster.
final class Telemetry: Sendable {
    typealias Sampler = @Sendable () -> [MetricSample]

    let registry: PrometheusRegistry
    /// Given to whatever calls the cluster. It does not hold the telemetry, which may hold the caller.
    let calls: CallTelemetry
    let requests: RequestMetrics
    private let samplers = Mutex<[Sampler]>([])

    init(registry: PrometheusRegistry, logger: Logger) {
        self.registry = registry
        calls = CallTelemetry(registry: registry, logger: logger)
        requests = RequestMetrics(registry: registry)
        let build = MetricSample(.buildInfo, labels: [RBDService.version, Cluster.libradosVersion], 1)
        sample { [build] + ProcessSampler.samples() }
    }

    /// Adds values that are read when /metrics is asked. A sampler answers at once, and asks nothing of the cluster.
    func sample(_ sampler: @escaping Sampler) {
        samplers.withLock { $0.append(sampler) }
    }

    /// What `/metrics` answers.
    var exposition: String {
        let samplers = samplers.withLock { $0 }
        return registry.text(with: samplers.flatMap { $0() })
    }
}

extension Telemetry {
    /// Shows how busy the threads for calls to the cluster are.
    func watch(_ pool: BlockingPool) {
        sample {
            let snapshot = pool.snapshot
            return [
                MetricSample(.callThreads, Double(snapshot.threads)),
                MetricSample(.callThreadsRunning, Double(snapshot.running)),
                MetricSample(.callThreadsStuck, Double(snapshot.abandoned)),
                MetricSample(.callQueueLength, Double(snapshot.queued)),
            ]
        }
    }

    func watch(_ connection: ClusterConnection) {
        sample {
            [
                MetricSample(.clusterConnected, connection.trouble == nil ? 1 : 0),
                MetricSample(.connectionGeneration, Double(connection.generation)),
            ]
        }
        sample { Self.samples(of: connection.breakers) }
    }

    /// More pools than that have hardly failed apart from each other.
    private static let maximumBreakers = 100

    /// The monitors' breaker, and those of the pools that have failed since the start.
    private static func samples(of breakers: Breakers) -> [MetricSample] {
        let all = breakers.snapshot
        let monitors = all.contains { $0.scope == .monitors && $0.state != .closed }
        var samples = [MetricSample(.breakerOpen, labels: ["monitors", ""], monitors ? 1 : 0)]
        // The open ones first, where there are too many.
        for breaker in all.sorted(by: { ($0.state == .closed ? 1 : 0) < ($1.state == .closed ? 1 : 0) })
        where samples.count <= maximumBreakers {
            guard case .pool(let pool) = breaker.scope else { continue }
            samples.append(MetricSample(.breakerOpen, labels: ["pool", pool], breaker.state == .closed ? 0 : 1))
        }
        return samples
    }
}
