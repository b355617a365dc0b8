// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

import Hummingbird
import RBDAPI

/// `/v1/pools`: decode, call, encode.
struct PoolController: Sendable {
    let service: PoolService
    let maximumBodyBytes: Int

    var routes: [Route] {
        [
            .get("/v1/pools", .pools(.read), list),
            .post("/v1/pools", .pools(.admin), create),
            .get("/v1/pools/{pool}", .pool(.read), get),
            .patch("/v1/pools/{pool}", .pool(.admin), update),
            .delete("/v1/pools/{pool}", .pool(.admin), delete),
        ]
    }

    @Sendable private func list(_ request: Request, _ context: ServiceRequestContext) async throws -> Response {
        let query = try Query(request, known: Query.page)
        return .json(
            try await service.list(
                prefix: query["prefix"] ?? "",
                after: try query.cursor(),
                limit: try query.limit()
            )
        )
    }

    @Sendable private func create(_ request: Request, _ context: ServiceRequestContext) async throws -> Response {
        let query = try Query(request, known: ["dryRun", "wait"])
        let (isDryRun, wait) = (try query.flag("dryRun"), try query.duration("wait"))
        let body = try await request.json(CreatePoolRequest.self, limit: maximumBodyBytes)
        switch try await service.create(body, dryRun: isDryRun) {
        case .planned(let plan): return .json(plan)
        case .done(let operation):
            return try await service.operations.answer(operation, wait: wait) { operation in
                let location = "/v1/pools/\(PercentEncoding.encode(operation.pool))"
                return .json(try await service.get(operation.pool), status: .created, headers: [.location: location])
            }
        }
    }

    @Sendable private func get(_ request: Request, _ context: ServiceRequestContext) async throws -> Response {
        _ = try Query(request, known: [])
        return .json(try await service.get(try context.pathParameter("pool")))
    }

    @Sendable private func update(_ request: Request, _ context: ServiceRequestContext) async throws -> Response {
        let query = try Query(request, known: ["dryRun"])
        let name = try context.pathParameter("pool")
        let body = try await request.json(UpdatePoolRequest.self, limit: maximumBodyBytes)
        return Response(try await service.update(name, body, dryRun: try query.flag("dryRun"))) { .json($0) }
    }

    @Sendable private func delete(_ request: Request, _ context: ServiceRequestContext) async throws -> Response {
        let query = try Query(request, known: ["confirm", "dryRun"])
        let outcome = try await service.delete(
            try context.pathParameter("pool"),
            confirmation: query["confirm"],
            dryRun: try query.flag("dryRun")
        )
        return Response(outcome) { .noContent }
    }
}
