// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

import HTTPTypes
import Hummingbird
import HummingbirdCore
import Logging
import RBDAPI

/// Counts every request and writes its line into the log.
struct TelemetryMiddleware: RouterMiddleware {
    typealias Context = ServiceRequestContext

    let metrics: RequestMetrics

    func handle(
        _ request: Request,
        context: Context,
        next: (Request, Context) async throws -> Response
    ) async throws -> Response {
        let start = ContinuousClock.now
        let notes = RequestNotes(logger: context.logger)
        metrics.began()
        // What is thrown past the problems is a fault of ours.
        var status = HTTPResponse.Status.internalServerError.code
        defer {
            let duration = ContinuousClock.now - start
            // Where no route takes a request the router says "NotFound".
            let route = context.endpointPath.flatMap { $0.hasPrefix("/") ? $0 : nil }
            metrics.ended(request.method, route: route, status: status, duration: duration)
            log(request, route: route, status: status, duration: duration, notes: notes)
        }
        let response = try await RequestNotes.$current.withValue(notes) { try await next(request, context) }
        status = response.status.code
        return response
    }

    private func log(_ request: Request, route: String?, status: Int, duration: Duration, notes: RequestNotes) {
        let level = Self.level(request.method, route: route, status: status)
        guard notes.logger.logLevel <= level else { return }
        var metadata: Logger.Metadata = [
            LogKeys.method: "\(request.method)",
            LogKeys.route: "\(route ?? RequestMetrics.unmatched)",
            LogKeys.status: .stringConvertible(status),
            LogKeys.durationMilliseconds: .stringConvertible(duration.milliseconds),
        ]
        metadata.merge(notes.metadata) { own, _ in own }
        metadata.merge(Self.names(in: request.uri, route: route)) { _, named in named }
        notes.logger.log(level: level, "request", metadata: metadata)
    }

    /// Failures of ours at error, of the cluster's at warning, changes at info, the rest at debug.
    static func level(_ method: HTTPRequest.Method, route: String?, status: Int) -> Logger.Level {
        switch status {
        // 502 is the cluster's refusal of our key: somebody has to mend it.
        case 500, 502: return .error
        // What is refused while the cluster or a pool is away or full: that it is so is logged once, where it is noticed.
        case 503, 507: break
        case 501...: return .warning
        default: break
        }
        guard route != nil else { return .debug }
        return switch method {
        case .post, .put, .patch, .delete: .info
        default: .debug
        }
    }

    /// The pool, the image and the namespace that a request names. Nothing else of the address goes into the log.
    static func names(in uri: URI, route: String?) -> Logger.Metadata {
        guard let route else { return [:] }
        var metadata: Logger.Metadata = [:]
        for (template, part) in zip(route.split(separator: "/"), uri.path.split(separator: "/")) {
            let key: String? =
                switch template {
                case "{pool}": LogKeys.pool
                case "{image}": LogKeys.image
                default: nil
                }
            if let key, let name = PercentEncoding.decode(part) { metadata[key] = "\(name)" }
        }
        if let namespace = namespace(in: uri) { metadata[LogKeys.namespace] = "\(namespace)" }
        return metadata
    }

    private static func namespace(in uri: URI) -> String? {
        let name = "namespace="
        guard let pair = uri.query?.split(separator: "&").first(where: { $0.hasPrefix(name) }) else { return nil }
        return PercentEncoding.decode(pair.dropFirst(name.count))
    }
}
