// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

import Ceph
import Hummingbird
import NIOCore
import RBDAPI

/// Bounds what large answers take that wait for their readers. A reader who takes nothing is waited for as long as the door's
/// `writeTimeout`; sixty of them with a page of 8,000 images each would have 360 MiB.
struct AnswerBudget: Sendable {
    let budget: MemoryBudget

    /// Smaller answers are in the buffers of their connections anyway.
    private static let small = 128 << 10

    /// - Parameter handler: one that changes nothing: its answer may be refused after all.
    /// - Throws: of the handler that is returned: what the given one throws; `Problem` with `overloaded` where too much waits to be read.
    func bounding(_ handler: @escaping Route.Handler) -> Route.Handler {
        { [self] request, context in
            var response = try await handler(request, context)
            guard let length = response.body.contentLength, length > Self.small else { return response }
            guard let share = budget.take(length, for: Caller.current) else {
                throw Problem(
                    .overloaded,
                    detail:
                        "answers of \(budget.used >> 20) MiB wait for their readers, and this one has \(length >> 10) KiB",
                    hint: "try again in a moment, or ask for smaller pages; --memory-limit says how much may wait"
                )
            }
            let body = response.body
            response.body = ResponseBody(contentLength: length) { writer in
                defer { withExtendedLifetime(share) {} }
                try await body.write(writer)
            }
            return response
        }
    }
}
