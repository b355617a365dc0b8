// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

import Ceph
import Hummingbird

/// Gives every request the time by which it is answered: calls to Ceph let go of it then.
struct DeadlineMiddleware: RouterMiddleware {
    typealias Context = ServiceRequestContext

    let timeout: Duration

    func handle(
        _ request: Request,
        context: Context,
        next: (Request, Context) async throws -> Response
    ) async throws -> Response {
        try await Deadline.$current.withValue(.now + timeout) {
            try await next(request, context)
        }
    }
}
