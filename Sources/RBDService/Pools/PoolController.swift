// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

import Hummingbird
import RBDAPI

/// `/v1/pools`: decode, call, encode.
struct PoolController: Sendable {
    let service: PoolService

    var endpoints: [Endpoint] {
        [
            Endpoint(.get, "/v1/pools", .pools(.read), query: Query.page, list),
            Endpoint(.post, "/v1/pools", .pools(.admin), query: ["wait"], body: CreatePoolRequest.self, create),
            Endpoint(.get, "/v1/pools/{pool}", .pool(.read), get),
            Endpoint(.patch, "/v1/pools/{pool}", .pool(.admin), body: UpdatePoolRequest.self, update),
            Endpoint(.delete, "/v1/pools/{pool}", .pool(.admin), query: ["confirm"], delete),
        ]
    }

    @Sendable private func list(_ call: Call) async throws -> Answer {
        .json(try await service.list(PageRequest(call.query)))
    }

    @Sendable private func create(_ call: Call, _ body: CreatePoolRequest) async throws -> Answer {
        let outcome = try await service.create(body, isDryRun: call.isDryRun)
        return try await service.operations.answer(outcome, wait: call.wait) { operation in
            .created(try await service.get(operation.pool), at: Location.pool(operation.pool))
        }
    }

    @Sendable private func get(_ call: Call) async throws -> Answer {
        .json(try await service.get(call.name("pool")))
    }

    @Sendable private func update(_ call: Call, _ body: UpdatePoolRequest) async throws -> Answer {
        try await Answer(service.update(call.name("pool"), body, isDryRun: call.isDryRun)) { .json($0) }
    }

    @Sendable private func delete(_ call: Call) async throws -> Answer {
        let outcome = try await service.delete(
            call.name("pool"),
            confirmation: call.confirmation,
            isDryRun: call.isDryRun
        )
        return await Answer(outcome) { .noContent }
    }
}
