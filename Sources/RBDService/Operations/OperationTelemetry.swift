// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

import CoreMetrics
import Logging
import RBDAPI
import Synchronization

/// Counts and logs operations.
final class OperationTelemetry: Sendable {
    private let inHand = Atomic(0)
    private let counters: [String: [String: Counter]]
    private let logger: Logger
    private let audit: AuditLog?

    init(registry: PrometheusRegistry, logger: Logger, audit: AuditLog? = nil) {
        self.audit = audit
        self.logger = logger
        let outcomes = RBDAPI.Operation.State.allCases.filter(\.isFinished).map(\.rawValue)
        counters = OperationKind.all.map(\.rawValue).reduce(into: [:]) { counters, kind in
            for outcome in outcomes {
                counters[kind, default: [:]][outcome] = registry.counter(.operationsFinished, kind, outcome)
            }
        }
    }

    var sample: MetricSample { MetricSample(.operationsRunning, Double(inHand.load(ordering: .relaxed))) }

    func began() { inHand.add(1, ordering: .relaxed) }

    func ended() { inHand.subtract(1, ordering: .relaxed) }

    func finished(_ operation: RBDAPI.Operation) {
        audit?.finished(operation)
        counters[operation.kind]?[operation.state.rawValue]?.increment()
        logger.info(
            "operation finished",
            metadata: [
                LogKeys.operationID: "\(operation.id)", LogKeys.operationKind: "\(operation.kind)",
                LogKeys.outcome: "\(operation.state.rawValue)", LogKeys.image: "\(operation.subject)",
                LogKeys.problem: operation.problem.map { "\($0.code)" } ?? "",
            ]
        )
    }
}
