// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

import CoreMetrics
import RBDAPI

/// Counts verdicts: every review is answered with 200, whatever its verdict.
final class ReviewMetrics: Sendable {
    private struct Key: Hashable, Sendable {
        var verdict: String
        var code: String
        var isDryRun: Bool
    }

    private let registry: PrometheusRegistry
    private let counters = HandleCache<Key, Counter>()

    init(registry: PrometheusRegistry) {
        self.registry = registry
    }

    func allowed(_ outcome: VolumeOutcome.Outcome, isDryRun: Bool) {
        count(Key(verdict: outcome.rawValue, code: "", isDryRun: isDryRun))
    }

    func denied(_ problem: Problem, isDryRun: Bool) {
        count(Key(verdict: "denied", code: problem.code, isDryRun: isDryRun))
    }

    private func count(_ key: Key) {
        counters.handle(for: key) {
            registry.counter(.admissionReviews, key.verdict, key.code, "\(key.isDryRun)")
        }.increment()
    }
}
