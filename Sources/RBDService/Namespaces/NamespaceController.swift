// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

import Hummingbird
import RBDAPI

/// `/v1/pools/{pool}/namespaces`: decode, call, encode.
struct NamespaceController: Sendable {
    let service: NamespaceService
    let maximumBodyBytes: Int

    var routes: [Route] {
        [
            .get("/v1/pools/{pool}/namespaces", .namespaces(.read), list),
            .post("/v1/pools/{pool}/namespaces", .namespaces(.admin), create),
            .get("/v1/pools/{pool}/namespaces/{namespace}", .namespace(.read), get),
            .delete("/v1/pools/{pool}/namespaces/{namespace}", .namespace(.admin), delete),
        ]
    }

    @Sendable private func list(_ request: Request, _ context: ServiceRequestContext) async throws -> Response {
        let query = try Query(request, known: Query.page)
        return .json(
            try await service.list(
                in: try context.pathParameter("pool"),
                prefix: query["prefix"] ?? "",
                after: try query.cursor(),
                limit: try query.limit()
            )
        )
    }

    @Sendable private func create(_ request: Request, _ context: ServiceRequestContext) async throws -> Response {
        let query = try Query(request, known: ["dryRun"])
        let isDryRun = try query.flag("dryRun")
        let pool = try context.pathParameter("pool")
        let body = try await request.json(CreateNamespaceRequest.self, limit: maximumBodyBytes)
        if isDryRun { return .json(try await service.planCreate(body.name, in: pool)) }
        let namespace = try await service.create(body.name, in: pool)
        let location = "/v1/pools/\(PercentEncoding.encode(pool))/namespaces/\(PercentEncoding.encode(namespace.name))"
        return .json(namespace, status: .created, headers: [.location: location])
    }

    @Sendable private func get(_ request: Request, _ context: ServiceRequestContext) async throws -> Response {
        _ = try Query(request, known: [])
        let (pool, name) = (try context.pathParameter("pool"), try context.pathParameter("namespace"))
        return .json(try await service.get(name, in: pool))
    }

    @Sendable private func delete(_ request: Request, _ context: ServiceRequestContext) async throws -> Response {
        let query = try Query(request, known: ["dryRun"])
        let isDryRun = try query.flag("dryRun")
        let (pool, name) = (try context.pathParameter("pool"), try context.pathParameter("namespace"))
        if isDryRun { return .json(try await service.planDelete(name, in: pool)) }
        try await service.delete(name, in: pool)
        return .noContent
    }
}
