// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

import Hummingbird
import RBDAPI

/// `/v1/pools/{pool}/images`: decode, call, encode.
struct ImageController: Sendable {
    let service: ImageService
    let maximumBodyBytes: Int

    var routes: [Route] {
        [
            .get("/v1/pools/{pool}/images", list),
            .post("/v1/pools/{pool}/images", create),
            .get("/v1/pools/{pool}/images/{image}", get),
            .put("/v1/pools/{pool}/images/{image}", put),
            .delete("/v1/pools/{pool}/images/{image}", delete),
        ]
    }

    @Sendable private func list(_ request: Request, _ context: ServiceRequestContext) async throws -> Response {
        let query = try Query(request, known: Query.page.union(["namespace"]))
        return .json(
            try await service.list(
                in: try context.imagePlace(query),
                prefix: query["prefix"] ?? "",
                after: try query.cursor(),
                limit: try query.limit()
            )
        )
    }

    @Sendable private func create(_ request: Request, _ context: ServiceRequestContext) async throws -> Response {
        let query = try Query(request, known: ["namespace", "dryRun"])
        let place = try context.imagePlace(query)
        let isDryRun = try query.flag("dryRun")
        let body = try await request.json(CreateImageRequest.self, limit: maximumBodyBytes)
        if isDryRun { return .json(try await service.planCreate(body.name, body.properties, in: place)) }
        return created(try await service.create(body.name, body.properties, in: place))
    }

    @Sendable private func get(_ request: Request, _ context: ServiceRequestContext) async throws -> Response {
        let place = try context.imagePlace(Query(request, known: ["namespace"]))
        return .json(try await service.get(try context.pathParameter("image"), in: place))
    }

    @Sendable private func put(_ request: Request, _ context: ServiceRequestContext) async throws -> Response {
        let query = try Query(request, known: ["namespace", "dryRun"])
        let place = try context.imagePlace(query)
        let isDryRun = try query.flag("dryRun")
        let name = try context.pathParameter("image")
        let properties = try await request.json(ImageProperties.self, limit: maximumBodyBytes)
        if isDryRun { return .json(try await service.planPut(name, properties, in: place)) }
        return switch try await service.put(name, properties, in: place) {
        case .created(let image): created(image)
        case .existed(let image): .json(image)
        }
    }

    @Sendable private func delete(_ request: Request, _ context: ServiceRequestContext) async throws -> Response {
        let place = try context.imagePlace(Query(request, known: ["namespace"]))
        try await service.delete(try context.pathParameter("image"), in: place)
        return .noContent
    }

    private func created(_ image: RBDAPI.Image) -> Response {
        var location = "/v1/pools/\(PercentEncoding.encode(image.pool))/images/\(PercentEncoding.encode(image.name))"
        if !image.namespace.isEmpty { location += "?namespace=\(PercentEncoding.encode(image.namespace))" }
        return .json(image, status: .created, headers: [.location: location])
    }
}
