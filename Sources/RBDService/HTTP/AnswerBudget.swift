// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

import Ceph
import Hummingbird
import NIOCore
import RBDAPI

/// Bounds the memory of large answers, from before they are made until their readers have read them. A reader that
/// reads nothing is kept for the `writeTimeout` of the door limits. Sixty such readers with a page of 8,000 images each
/// would hold 360 MiB.
struct AnswerBudget: Sendable {
    let budget: MemoryBudget

    /// Smaller answers fit in the buffers of their connections.
    private static let small = 128 << 10

    /// The memory that an item of a page takes while the page is made, in bytes.
    private static let itemBytes = 1 << 10
    private static let pause = Duration.milliseconds(20)

    /// - Parameter handler: a handler that changes nothing, since its answer may still be refused.
    /// - Throws: The returned handler throws what the given one throws, and `Problem` with `overloaded` if too many
    ///   answers wait for their readers.
    func bounding(_ handler: @escaping Endpoint.Handler) -> Endpoint.Handler {
        { [self] call in
            // Dozens of large pages could be made at the same time. Each waits until its memory fits into the budget.
            let items = call.query["limit"].flatMap { Int($0) } ?? 0
            let expected = min(items, call.query.largestPage) * Self.itemBytes
            var share = expected > Self.small ? try await room(for: expected) : nil
            let answer = try await handler(call)
            guard let length = answer.response.body.contentLength, length > Self.small else { return answer }
            // A page that is larger than expected is rare, and its memory is already in use.
            if share == nil { share = budget.take(length, for: Caller.current) }
            guard let share else { throw overloaded(length) }
            share.shrink(to: length)
            return answer.keeping(share)
        }
    }

    /// Waits until the bytes fit into the budget.
    /// - Throws: `Problem` with `overloaded` if they do not fit in time; `CancellationError`.
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
                "unread answers hold \(budget.used >> 20) MiB, and there is no room for this one of up to \(bytes >> 10) KiB",
            hint:
                "try again in a moment, or request smaller pages; the service's operator can raise the setting memory-limit"
        )
    }
}
