// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

import Ceph
import Hummingbird
import NIOCore
import RBDAPI

/// Bounds what large answers take, from before they are made until their readers have them. A reader who takes nothing is waited for as long as the door's
/// `writeTimeout`; sixty of them with a page of 8,000 images each would have 360 MiB.
struct AnswerBudget: Sendable {
    let budget: MemoryBudget

    /// Smaller answers are in the buffers of their connections anyway.
    private static let small = 128 << 10

    /// What an item of a page takes while the page is made, in bytes.
    private static let itemBytes = 1 << 10
    private static let pause = Duration.milliseconds(20)

    /// - Parameter handler: one that changes nothing: its answer may be refused after all.
    /// - Throws: of the handler that is returned: what the given one throws; `Problem` with `overloaded` where too much waits to be read.
    func bounding(_ handler: @escaping Route.Handler) -> Route.Handler {
        { [self] request, context in
            // Dozens of large pages would be made side by side, each with all of its memory: they are made as there is room for them.
            let items = request.uri.queryParameters["limit"].flatMap { Int($0) } ?? 0
            let expected = min(items, Query.largestPage) * Self.itemBytes
            var share = expected > Self.small ? try await room(for: expected) : nil
            var response = try await handler(request, context)
            guard let length = response.body.contentLength, length > Self.small else { return response }
            // A page that is larger than expected is rare, and has its memory by now.
            if share == nil { share = budget.take(length, for: Caller.current) }
            guard let share else { throw overloaded(length) }
            share.shrink(to: length)
            let body = response.body
            response.body = ResponseBody(contentLength: length) { writer in
                defer { withExtendedLifetime(share) {} }
                try await body.write(writer)
            }
            return response
        }
    }

    /// Waits for room.
    /// - Throws: `Problem` with `overloaded` where there is none in time; `CancellationError`.
    private func room(for bytes: Int) async throws -> MemoryBudget.Share {
        let limit = (Deadline.current ?? .now + .seconds(5)) - .milliseconds(500)
        while true {
            if let share = budget.take(bytes, for: Caller.current) { return share }
            guard .now < limit else { throw overloaded(bytes) }
            try await Task.sleep(for: Self.pause)
        }
    }

    private func overloaded(_ bytes: Int) -> Problem {
        Problem(
            .overloaded,
            detail:
                "answers of \(budget.used >> 20) MiB are being made or wait for their readers, and this one has up to \(bytes >> 10) KiB",
            hint:
                "try again in a moment, or request smaller pages; the service's operator can raise the setting memory-limit"
        )
    }
}
