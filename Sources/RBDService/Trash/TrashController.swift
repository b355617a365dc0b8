// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

import Hummingbird
import RBDAPI

/// `/v1/pools/{pool}/trash`: decode, call, encode.
struct TrashController: Sendable {
    let service: TrashService
    let maximumBodyBytes: Int

    var routes: [Route] {
        [
            .get("/v1/pools/{pool}/trash", .place(.read), list),
            .delete("/v1/pools/{pool}/trash", .place(.purge), purgeExpired),
            .get("/v1/pools/{pool}/trash/{id}", .place(.read), get),
            .delete("/v1/pools/{pool}/trash/{id}", .place(.purge), purge),
            .post("/v1/pools/{pool}/trash/{id}/restore", .place(.create), restore),
        ]
    }

    @Sendable private func list(_ request: Request, _ context: ServiceRequestContext) async throws -> Response {
        let query = try Query(request, known: ["limit", "cursor", "namespace"])
        return .json(
            try await service.list(
                in: try context.imagePlace(query),
                after: try query.cursor(),
                limit: try query.limit()
            )
        )
    }

    @Sendable private func get(_ request: Request, _ context: ServiceRequestContext) async throws -> Response {
        let place = try context.imagePlace(Query(request, known: ["namespace"]))
        return .json(try await service.get(try context.pathParameter("id"), in: place))
    }

    @Sendable private func restore(_ request: Request, _ context: ServiceRequestContext) async throws -> Response {
        let query = try Query(request, known: ["namespace", "dryRun"])
        let place = try context.imagePlace(query)
        let id = try context.pathParameter("id")
        let body = try await request.json(RestoreImageRequest.self, limit: maximumBodyBytes)
        if try query.flag("dryRun") { return .json(try await service.planToRestore(id, as: body.name, in: place)) }
        return .json(try await service.restore(id, as: body.name, in: place))
    }

    @Sendable private func purge(_ request: Request, _ context: ServiceRequestContext) async throws -> Response {
        let query = try Query(request, known: ["namespace", "force", "wait", "dryRun"])
        let place = try context.imagePlace(query)
        let id = try context.pathParameter("id")
        let (force, wait) = (try query.flag("force"), try query.duration("wait"))
        if try query.flag("dryRun") { return .json(try await service.planToPurge(id, force: force, in: place)) }
        let operation = try await service.purge(id, force: force, in: place)
        return try await service.operations.answer(operation, wait: wait) { _ in .noContent }
    }

    @Sendable private func purgeExpired(_ request: Request, _ context: ServiceRequestContext) async throws -> Response {
        let query = try Query(request, known: ["namespace", "expired", "dryRun"])
        guard try query.flag("expired") else {
            throw Problem(
                .confirmationRequired,
                detail: "expired: only expired images can be purged together",
                field: "expired",
                remedy: .confirmPurgeOfExpired
            )
        }
        if try query.flag("dryRun") {
            return .json(try await service.planToPurgeExpired(in: try context.imagePlace(query)))
        }
        let operations = try await service.purgeExpired(in: try context.imagePlace(query))
        return .json(PurgeAnswer(operations: operations), status: .accepted)
    }
}
