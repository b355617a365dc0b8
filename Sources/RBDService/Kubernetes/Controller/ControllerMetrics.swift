// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

import CoreMetrics
import Kubernetes

/// Counts the work of the controller by its outcome, and the Events that nobody gets to see.
final class ControllerMetrics: Sendable {
    /// What the work on a volume has done, or why it has done nothing.
    enum Outcome: String, CaseIterable, Sendable {
        case created, grown, trashed, noted, held, released, deleted
        case claimUpdated = "claim-updated"
        case orphanTrashed = "orphan-trashed"
        case unchanged, waiting, reported, failed
    }

    private let counters: [Outcome: Counter]
    private let losses: [EventRecorder.Loss: Counter]

    init(registry: PrometheusRegistry) {
        counters = Outcome.allCases.reduce(into: [:]) { counters, outcome in
            counters[outcome] = registry.counter(.controllerWork, outcome.rawValue)
        }
        losses = EventRecorder.Loss.allCases.reduce(into: [:]) { losses, loss in
            losses[loss] = registry.counter(.controllerEventsLost, loss.rawValue)
        }
    }

    func count(_ outcome: Outcome) {
        counters[outcome]?.increment()
    }

    func count(_ loss: EventRecorder.Loss) {
        losses[loss]?.increment()
    }
}
