// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

import HTTPTypes
import Hummingbird
import HummingbirdCore
import Logging
import RBDAPI

/// Counts every request and writes its log line.
struct TelemetryMiddleware: RouterMiddleware {
    let metrics: RequestMetrics

    func handle(_ request: Request, context: ServiceRequestContext, next: Next) async throws -> Response {
        let start = ContinuousClock.now
        let notes = RequestNotes(logger: context.logger, requestID: context.requestID)
        metrics.began()
        func ended(_ status: HTTPResponse.Status) -> RequestLine? {
            let duration = ContinuousClock.now - start
            // If no route matches, the router says "NotFound".
            let route = context.endpointPath.flatMap { $0.hasPrefix("/") ? $0 : nil }
            metrics.ended(request.method, route: route, status: status.code, duration: duration)
            return RequestLine(request: request, route: route, status: status.code, duration: duration, notes: notes)
        }
        do {
            var response = try await RequestNotes.$current.withValue(notes) { try await next(request, context) }
            let line = ended(response.status)
            // A stream may last for hours. Its line is written when it begins.
            if let line, response.body.contentLength != nil { response.body = response.body.keeping(line) }
            return response
        } catch {
            // ProblemMiddleware handles all expected errors, so this one is a bug.
            _ = ended(.internalServerError)
            throw error
        }
    }
}
