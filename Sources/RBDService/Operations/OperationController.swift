// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

import HTTPTypes
import Hummingbird
import RBDAPI

/// `/v1/operations`: decode, call, encode.
struct OperationController: Sendable {
    let service: OperationService

    var endpoints: [Endpoint] {
        [
            Endpoint(.get, "/v1/operations", .operation(.read), query: ["limit", "cursor", "pool", "state"], list),
            Endpoint(.get, "/v1/operations/{operation}", .operation(.read), query: ["wait"], get),
            Endpoint(.delete, "/v1/operations/{operation}", .operation(.modify), query: ["wait"], cancel),
            Endpoint(.get, "/v1/operations/{operation}/events", .operation(.read), events),
        ]
    }

    @Sendable private func list(_ call: Call) async throws -> Answer {
        var filter = OperationService.Filter(pool: call.query["pool"])
        if let text = call.query["state"] {
            guard let state = RBDAPI.Operation.State(rawValue: text) else {
                let states = RBDAPI.Operation.State.allCases.map(\.rawValue).joined(separator: ", ")
                throw Query.invalid("state", "it must be one of \(states)")
            }
            filter.state = state
        }
        return .json(try await service.list(filter, after: try call.query.cursor(), limit: try call.query.limit()))
    }

    @Sendable private func get(_ call: Call) async throws -> Answer {
        .json(try await service.wait(for: call.name("operation"), atMost: call.wait ?? .zero))
    }

    @Sendable private func cancel(_ call: Call) async throws -> Answer {
        try await Answer(service.cancel(call.name("operation"), isDryRun: call.isDryRun)) { operation in
            guard let wait = call.wait else { return .json(operation, status: .accepted) }
            let last = try await service.wait(for: operation.id, atMost: wait)
            return .json(last, status: last.state.isFinished ? .ok : .accepted)
        }
    }

    /// The progress of an operation as server-sent events: an event with the whole operation whenever it has changed,
    /// and otherwise a comment now and then.
    @Sendable private func events(_ call: Call) async throws -> Answer {
        let first = try await service.get(call.name("operation"))
        let body = ResponseBody(asyncSequence: service.followers.follow(first))
        return .stream(body, mediaType: "text/event-stream", headers: [.cacheControl: "no-store"])
    }
}

extension OperationService {
    /// The plan of a dry run, or the response to a request that began an operation.
    func answer(
        _ attempt: Attempt<RBDAPI.Operation>,
        wait: Duration?,
        done: (RBDAPI.Operation) async throws -> Answer
    ) async throws -> Answer {
        try await Answer(attempt) { try await answer($0, wait: wait, done: done) }
    }

    /// The response to a request that began an operation: 202 with its location, unless the operation ends while the
    /// caller waits.
    /// - Parameters:
    ///   - wait: how long the caller waits.
    ///   - done: the response if the operation succeeds in that time.
    /// - Throws: the `Problem` of the operation, if it fails in that time.
    func answer(
        _ operation: RBDAPI.Operation,
        wait: Duration?,
        done: (RBDAPI.Operation) async throws -> Answer
    ) async throws -> Answer {
        var operation = operation
        if let wait { operation = try await self.wait(for: operation.id, atMost: wait) }
        switch operation.state {
        case .succeeded where wait != nil: return try await done(operation)
        case .failed where wait != nil:
            throw operation.problem ?? Problem(.internalError, detail: "operation \(operation.id) failed")
        default:
            return .json(operation, status: .accepted, headers: [.location: Location.operation(operation.id)])
        }
    }
}
