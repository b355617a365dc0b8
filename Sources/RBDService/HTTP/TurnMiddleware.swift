// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

import Hummingbird

/// Delays a request if its connection has used up its share of the event loop, until the other connections had their
/// turn.
///
/// Pipelined requests are available at once, and many are answered without waiting for anything. Without this, the task
/// of their connection would keep the loop until the last of them is answered.
struct TurnMiddleware: RouterMiddleware {
    func handle(_ request: Request, context: ServiceRequestContext, next: Next) async throws -> Response {
        await EventLoopTaskExecutor.giveWay()
        return try await next(request, context)
    }
}
