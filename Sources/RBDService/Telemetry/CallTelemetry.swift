// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

import Ceph
import CoreMetrics
import Logging
import Naming

/// Counts and logs every call to the cluster.
final class CallTelemetry: CallObserver {
    private struct Key: Hashable, Sendable {
        var operation: CephError.Operation
        var outcome: CephError.Code?
    }

    private let registry: PrometheusRegistry
    private let logger: Logger
    private let timers = HandleCache<Key, Timer>()

    /// - Parameter logger: for calls outside of requests.
    init(registry: PrometheusRegistry, logger: Logger) {
        self.registry = registry
        self.logger = logger
    }

    func callEnded(_ call: CallRecord) {
        let key = Key(operation: call.operation, outcome: call.error?.code)
        let timer = timers.handle(for: key) {
            registry.timer(.cephCallDuration, key.operation.label, key.outcome?.label ?? "ok")
        }
        timer.recordNanoseconds(call.duration.nanoseconds)
        let notes = RequestNotes.current
        notes?.add(call)
        if logger.logLevel <= .debug { log(call, to: notes?.logger ?? logger) }
    }

    private func log(_ call: CallRecord, to logger: Logger) {
        var metadata = call.resource.metadata
        metadata[LogKeys.operation] = "\(call.operation.label)"
        metadata[LogKeys.outcome] = "\(call.error?.code.label ?? "ok")"
        metadata[LogKeys.errno] = call.error?.errno.map { .stringConvertible($0) }
        metadata[LogKeys.durationMilliseconds] = .stringConvertible(call.duration.milliseconds)
        logger.debug("Ceph call", metadata: metadata)
    }
}

extension String {
    /// The name in metrics and logs: `imageNotFound` becomes `image-not-found`, as in problems.
    fileprivate var kebab: String {
        map { $0.isUppercase ? "-\($0.lowercased())" : String($0) }.joined()
    }
}

extension CephError.Operation {
    var label: String { rawValue.kebab }
}

extension CephError.Code {
    var label: String { rawValue.kebab }
}

extension CephError.Resource {
    /// The resource's names, for the log.
    var metadata: Logger.Metadata {
        switch self {
        case .cluster: [:]
        case .pool(let pool): [LogKeys.pool: "\(pool)"]
        case .namespace(let place): Self.metadata(place)
        case .image(let spec): Self.metadata(spec.place, [LogKeys.image: "\(spec.image)"])
        case .snapshot(let spec):
            Self.metadata(
                spec.image.place,
                [LogKeys.image: "\(spec.image.image)", LogKeys.snapshot: "\(spec.snapshot)"]
            )
        case .group(let spec): Self.metadata(spec.place, [LogKeys.group: "\(spec.name)"])
        case .groupSnapshot(let spec):
            Self.metadata(
                spec.group.place,
                [LogKeys.group: "\(spec.group.name)", LogKeys.snapshot: "\(spec.snapshot)"]
            )
        }
    }

    private static func metadata(_ place: Place, _ more: Logger.Metadata = [:]) -> Logger.Metadata {
        var metadata = more
        metadata[LogKeys.pool] = "\(place.pool)"
        if !place.namespace.isEmpty { metadata[LogKeys.namespace] = "\(place.namespace)" }
        return metadata
    }
}
