// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

import Hummingbird

/// Begins no request of a connection that has used up its share of the event loop before all others have had theirs.
///
/// Requests in a pipeline are there at once, and many are answered without waiting for anything: the task that serves them would not let go
/// of the loop until the last of them is answered.
struct TurnMiddleware: RouterMiddleware {
    func handle(
        _ request: Request,
        context: ServiceRequestContext,
        next: (Request, ServiceRequestContext) async throws -> Response
    ) async throws -> Response {
        await EventLoopTaskExecutor.giveWay()
        return try await next(request, context)
    }
}
