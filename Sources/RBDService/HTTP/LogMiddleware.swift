// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

import HTTPTypes
import Hummingbird
import Logging

/// One line for each request: failures of ours at error, the rest at debug.
struct LogMiddleware: RouterMiddleware {
    typealias Context = ServiceRequestContext

    func handle(
        _ request: Request,
        context: Context,
        next: (Request, Context) async throws -> Response
    ) async throws -> Response {
        let start = ContinuousClock.now
        let response = try await next(request, context)
        let duration = (ContinuousClock.now - start) / .milliseconds(1)
        let metadata: Logger.Metadata = [
            LogKeys.method: "\(request.method)",
            LogKeys.route: "\(context.endpointPath ?? "")",
            LogKeys.status: "\(response.status.code)",
            LogKeys.durationMilliseconds: "\((duration * 100).rounded() / 100)",
        ]
        context.logger.log(level: response.status.code >= 500 ? .error : .debug, "request", metadata: metadata)
        return response
    }
}
