// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

import CoreMetrics
import HTTPTypes
import RBDAPI

/// Counts requests. All labels come from bounded sets: known methods, templates of routes, the service's own statuses.
final class RequestMetrics: Sendable {
    private struct Key: Hashable, Sendable {
        var method: Method
        var route: String
        var status: Int
    }

    private struct Handles: Sendable {
        let count: Counter
        let duration: Timer
    }

    /// Callers may invent methods. All unknown ones are counted as one.
    enum Method: String, Sendable {
        case get = "GET"
        case head = "HEAD"
        case post = "POST"
        case put = "PUT"
        case patch = "PATCH"
        case delete = "DELETE"
        case options = "OPTIONS"
        case other = "OTHER"

        init(_ method: HTTPRequest.Method) {
            self = Method(rawValue: method.rawValue) ?? .other
        }
    }

    static let unmatched = "unmatched"

    private let registry: PrometheusRegistry
    private let inFlight: Meter
    private let handles = HandleCache<Key, Handles>()
    private let refusals = HandleCache<ProblemCode, Counter>()

    init(registry: PrometheusRegistry) {
        self.registry = registry
        inFlight = Meter(label: Metric.httpRequestsInFlight.name, factory: registry)
    }

    /// A request was refused before it reached a route.
    func refused(_ code: ProblemCode) {
        refusals.handle(for: code) {
            registry.counter(.httpRefusals, code.rawValue)
        }.increment()
    }

    func began() {
        inFlight.increment()
    }

    /// - Parameter route: the route's template; nil if no route matched.
    func ended(_ method: HTTPRequest.Method, route: String?, status: Int, duration: Duration) {
        inFlight.decrement()
        let key = Key(method: Method(method), route: route ?? Self.unmatched, status: status)
        let handles = handles.handle(for: key) {
            Handles(
                count: registry.counter(.httpRequests, key.method.rawValue, key.route, "\(key.status)"),
                duration: registry.timer(.httpRequestDuration, key.method.rawValue, key.route)
            )
        }
        handles.count.increment()
        handles.duration.recordNanoseconds(duration.nanoseconds)
    }
}
