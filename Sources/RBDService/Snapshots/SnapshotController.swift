// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

import Hummingbird
import Naming
import RBDAPI

/// `/v1/pools/{pool}/images/{image}/snapshots` and what belongs to it: decode, call, encode.
struct SnapshotController: Sendable {
    let service: SnapshotService
    let maximumBodyBytes: Int

    private static let image = "/v1/pools/{pool}/images/{image}"
    private static let snapshot = "\(image)/snapshots/{snapshot}"

    var routes: [Route] {
        [
            .get("\(Self.image)/snapshots", .image(.read), list),
            .post("\(Self.image)/snapshots", .image(.modify), create),
            .get(Self.snapshot, .image(.read), get),
            .patch(Self.snapshot, .image(.modify), change),
            .delete(Self.snapshot, .image(.delete), delete),
            .post("\(Self.snapshot)/rollback", .image(.modify), rollBack),
            .get("\(Self.image)/snapshot-limit", .image(.read), getLimit),
            .put("\(Self.image)/snapshot-limit", .image(.modify), setLimit),
            .get("\(Self.image)/children", .image(.read), children),
            .get("\(Self.image)/ancestors", .image(.read), ancestors),
        ]
    }

    @Sendable private func list(_ request: Request, _ context: ServiceRequestContext) async throws -> Response {
        let query = try Query(request, known: ["namespace", "fields"])
        let image = try context.image(query)
        let withUsage = try query.fields(known: ["usage"]).contains("usage")
        return .json(try await service.list(image, withUsage: withUsage))
    }

    @Sendable private func create(_ request: Request, _ context: ServiceRequestContext) async throws -> Response {
        let query = try Query(request, known: ["namespace", "dryRun"])
        let image = try context.image(query)
        let isDryRun = try query.flag("dryRun")
        let body = try await request.json(CreateSnapshotRequest.self, limit: maximumBodyBytes)
        if isDryRun { return .json(try await service.planCreate(body.name, of: image)) }
        let snapshot = try await service.create(body.name, of: image)
        var location = [snapshot.pool, "images", snapshot.image, "snapshots", snapshot.name]
            .map(PercentEncoding.encode).reduce("/v1/pools") { "\($0)/\($1)" }
        if !snapshot.namespace.isEmpty { location += "?namespace=\(PercentEncoding.encode(snapshot.namespace))" }
        return .json(snapshot, status: .created, headers: [.location: location])
    }

    @Sendable private func get(_ request: Request, _ context: ServiceRequestContext) async throws -> Response {
        let query = try Query(request, known: ["namespace", "fields"])
        let image = try context.image(query)
        let withUsage = try query.fields(known: ["usage"]).contains("usage")
        return .json(try await service.get(try context.pathParameter("snapshot"), of: image, withUsage: withUsage))
    }

    @Sendable private func change(_ request: Request, _ context: ServiceRequestContext) async throws -> Response {
        let query = try Query(request, known: ["namespace", "dryRun"])
        let image = try context.image(query)
        let isDryRun = try query.flag("dryRun")
        let name = try context.pathParameter("snapshot")
        let changes = try await request.json(SnapshotChanges.self, limit: maximumBodyBytes)
        if isDryRun { return .json(try await service.planChange(name, changes, of: image)) }
        return .json(try await service.change(name, changes, of: image))
    }

    @Sendable private func delete(_ request: Request, _ context: ServiceRequestContext) async throws -> Response {
        let query = try Query(request, known: ["namespace", "dryRun", "evenIfCloned"])
        let image = try context.image(query)
        let isDryRun = try query.flag("dryRun")
        let evenIfCloned = try query.flag("evenIfCloned")
        let name = try context.pathParameter("snapshot")
        if isDryRun { return .json(try await service.planDelete(name, of: image, evenIfCloned: evenIfCloned)) }
        try await service.delete(name, of: image, evenIfCloned: evenIfCloned)
        return .noContent
    }

    @Sendable private func rollBack(_ request: Request, _ context: ServiceRequestContext) async throws -> Response {
        let query = try Query(request, known: ["namespace", "dryRun", "confirm", "wait"])
        let image = try context.image(query)
        let (isDryRun, wait) = (try query.flag("dryRun"), try query.duration("wait"))
        let name = try context.pathParameter("snapshot")
        if isDryRun { return .json(try await service.planRollBack(image, to: name)) }
        let operation = try await service.rollBack(image, to: name, confirmation: query["confirm"])
        return try await service.work.operations.answer(operation, wait: wait) { .json($0) }
    }

    @Sendable private func getLimit(_ request: Request, _ context: ServiceRequestContext) async throws -> Response {
        let query = try Query(request, known: ["namespace"])
        return .json(try await service.limit(of: try context.image(query)))
    }

    @Sendable private func setLimit(_ request: Request, _ context: ServiceRequestContext) async throws -> Response {
        let query = try Query(request, known: ["namespace", "dryRun"])
        let image = try context.image(query)
        let isDryRun = try query.flag("dryRun")
        let body = try await request.json(SetSnapshotLimitRequest.self, limit: maximumBodyBytes)
        if isDryRun { return .json(try await service.planSetLimit(of: image, to: body.limit)) }
        return .json(try await service.setLimit(of: image, to: body.limit))
    }

    @Sendable private func children(_ request: Request, _ context: ServiceRequestContext) async throws -> Response {
        let query = try Query(request, known: ["namespace", "snapshot"])
        return .json(try await service.children(of: try context.image(query), snapshot: query["snapshot"]))
    }

    @Sendable private func ancestors(_ request: Request, _ context: ServiceRequestContext) async throws -> Response {
        let query = try Query(request, known: ["namespace"])
        return .json(try await service.ancestors(of: try context.image(query)))
    }
}

extension ServiceRequestContext {
    /// The image of the path, in the namespace of the query.
    /// - Throws: `Problem` with `invalid-parameter`.
    fileprivate func image(_ query: Query) throws(Problem) -> ImageSpec {
        let place = try imagePlace(query)
        return place.image(try pathParameter("image"))
    }
}
