// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

import HTTPTypes
import HummingbirdCore
import Logging
import RBDAPI

/// A request's log line. It is written when this object is released: the answer need not wait for it, and it is written
/// even if the client has gone.
final class RequestLine: Sendable {
    private let level: Logger.Level
    private let method: HTTPRequest.Method
    private let uri: URI
    private let route: String?
    private let status: Int
    private let duration: Duration
    private let notes: RequestNotes

    /// Nil if the line is below the level of the log.
    init?(request: Request, route: String?, status: Int, duration: Duration, notes: RequestNotes) {
        level = Self.level(request.method, route: route, status: notes.problemStatus ?? status)
        guard notes.logLevel <= level else { return nil }
        method = request.method
        uri = request.uri
        self.route = route
        self.status = status
        self.duration = duration
        self.notes = notes
    }

    deinit {
        var metadata: Logger.Metadata = [
            LogKeys.method: "\(method)",
            LogKeys.route: "\(route ?? RequestMetrics.unmatched)",
            LogKeys.status: .stringConvertible(status),
            LogKeys.durationMilliseconds: .stringConvertible(duration.milliseconds),
        ]
        metadata.merge(notes.metadata) { own, _ in own }
        metadata.merge(Self.names(in: uri, route: route)) { _, named in named }
        notes.logger.log(level: level, "request", metadata: metadata)
    }

    /// The service's own failures at error, the cluster's at warning, changes at info, the rest at debug.
    static func level(_ method: HTTPRequest.Method, route: String?, status: Int) -> Logger.Level {
        switch status {
        // 502 means that the cluster refused the service's key: the operator must act.
        case 500, 502: return .error
        // These are answers while the cluster or a pool is down or full. That is logged once, when it is detected.
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

    /// The pool, the image and the namespace of the request. Nothing else of the URL is logged.
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
