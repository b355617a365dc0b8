// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

import CoreMetrics

/// Counts the work of the controller by its outcome.
final class ControllerMetrics: Sendable {
    /// What the work on a volume has done, or why it has done nothing.
    enum Outcome: String, CaseIterable, Sendable {
        case created, grown, trashed, noted, held, released, deleted
        case claimUpdated = "claim-updated"
        case unchanged, waiting, reported, failed
    }

    private let counters: [Outcome: Counter]

    init(registry: PrometheusRegistry) {
        counters = Outcome.allCases.reduce(into: [:]) { counters, outcome in
            counters[outcome] = registry.counter(.controllerWork, outcome.rawValue)
        }
    }

    func count(_ outcome: Outcome) {
        counters[outcome]?.increment()
    }
}
