// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

import Hummingbird
import NIOCore
import Naming
import RBDAPI

/// `/v1/pools/{pool}/images`: decode, call, encode.
struct ImageController: Sendable {
    let service: ImageService
    let work: ImageWorkService
    let maximumBodyBytes: Int
    /// How long a deleted image can be restored, if the request does not say it.
    let trashDelay: Duration

    var routes: [Route] {
        [
            .get("/v1/pools/{pool}/images", .place(.read), list),
            .post("/v1/pools/{pool}/images", .place(.create), create),
            .get("/v1/pools/{pool}/images/{image}", .image(.read), get),
            .put("/v1/pools/{pool}/images/{image}", .newImage, put),
            .patch("/v1/pools/{pool}/images/{image}", .image(.modify), update),
            .delete("/v1/pools/{pool}/images/{image}", .image(.delete), delete),
            .get("/v1/pools/{pool}/image-ids/{id}", .place(.read), getByID),
            .patch("/v1/pools/{pool}/image-ids/{id}", .place(.modify), renameByID),
            .delete("/v1/pools/{pool}/image-ids/{id}", .place(.delete), deleteByID),
        ]
    }

    @Sendable private func list(_ request: Request, _ context: ServiceRequestContext) async throws -> Response {
        let query = try Query(request, known: ImageQuery.parameters.union(["namespace"]))
        let place = try context.imagePlace(query)
        let listing = ImageListing(service: service, place: place, query: try ImageQuery(query))
        guard request.accepts(ImageListing.streamType) else { return try await listing.pageResponse(to: request) }
        guard listing.query.isInDirectoryOrder else {
            throw Query.invalid(
                listing.query.sort == .name ? "order" : "sort",
                "a stream is always sorted by name, in ascending order",
                remedy: .sendHeader("Accept", "application/json")
            )
        }
        return try await listing.streamResponse(requestID: context.requestID)
    }

    @Sendable private func create(_ request: Request, _ context: ServiceRequestContext) async throws -> Response {
        let query = try Query(request, known: ["namespace", "wait", "dryRun"])
        let place = try context.imagePlace(query)
        let (isDryRun, wait) = (try query.flag("dryRun"), try query.duration("wait"))
        let body = try await request.json(CreateImageRequest.self, limit: maximumBodyBytes).visible(in: place)
        try Access.current.requireCreation(of: body.name, in: place)
        if let copy = try await work.copy(body, in: place) {
            return try await work.answer(copy.work, on: copy.subject, isDryRun: isDryRun, wait: wait)
        }
        if isDryRun { return .json(try await service.planCreate(body.name, body.properties, in: place)) }
        return created(try await service.create(body.name, body.properties, in: place))
    }

    @Sendable private func get(_ request: Request, _ context: ServiceRequestContext) async throws -> Response {
        let query = try Query(request, known: ["namespace", "fields"])
        let (place, fields) = (try context.imagePlace(query), try query.fields(known: ImageService.fields))
        let precondition = try Precondition(request)
        var image = try await service.get(try context.pathParameter("image"), in: place)
        // The entity tag does not cover the extra fields, such as watchers and usage.
        if fields.isEmpty {
            let tag = EntityTag(image)
            if precondition.isUnchanged(tag) { return Response(status: .notModified, headers: [.eTag: tag.text]) }
        }
        try await service.add(fields, to: &image, in: place)
        return .image(image)
    }

    @Sendable private func put(_ request: Request, _ context: ServiceRequestContext) async throws -> Response {
        let query = try Query(request, known: ["namespace", "dryRun"])
        let place = try context.imagePlace(query)
        let isDryRun = try query.flag("dryRun")
        let name = try context.pathParameter("image")
        let properties = try await request.json(ImageProperties.self, limit: maximumBodyBytes).visible(in: place)
        let precondition = try Precondition(request)
        if isDryRun { return .json(try await service.planPut(name, properties, in: place, if: precondition)) }
        return switch try await service.put(name, properties, in: place, if: precondition) {
        case .created(let image): created(image)
        case .existed(let image): .image(image)
        }
    }

    @Sendable private func update(_ request: Request, _ context: ServiceRequestContext) async throws -> Response {
        let query = try Query(request, known: ["namespace", "wait", "dryRun"])
        let place = try context.imagePlace(query)
        let (isDryRun, wait) = (try query.flag("dryRun"), try query.duration("wait"))
        let name = try context.pathParameter("image")
        let changes = try await request.json(UpdateImageRequest.self, limit: maximumBodyBytes)
        if let newName = changes.name, newName != name { try Access.current.requireCreation(of: newName, in: place) }
        let precondition = try Precondition(request)
        if isDryRun { return .json(try await service.planUpdate(name, changes, in: place, if: precondition)) }
        switch try await service.update(name, changes, in: place, if: precondition) {
        case .changed(let image): return .image(image)
        case .shrinking(let operation):
            return try await service.operations.answer(operation, wait: wait) { operation in
                let image = try await service.get(operation.image, in: place)
                AuditNotes.current?.after(AuditImage(image))
                return .image(image)
            }
        }
    }

    @Sendable private func delete(_ request: Request, _ context: ServiceRequestContext) async throws -> Response {
        let deletion = try Deletion(request, context, trashDelay: trashDelay)
        let place = deletion.place
        let name = try context.pathParameter("image")
        if deletion.isAsGoodAsPurge { try Access.current.require(.purge, .name(name, place: place)) }
        let (kept, precondition) = (deletion.kept, deletion.precondition)
        if deletion.isDryRun {
            return .json(try await service.planToDelete(name, in: place, keptFor: kept, if: precondition))
        }
        return try await answer(
            try await service.delete(name, in: place, keptFor: kept, if: precondition),
            wait: deletion.wait
        )
    }

    /// The parameters of requests that delete an image.
    private struct Deletion {
        let place: Place
        /// How long the image can be restored; nil to purge it immediately.
        let kept: Duration?
        /// Whether the image is kept for a shorter time than usual. That needs the same scope as a purge.
        let isAsGoodAsPurge: Bool
        let wait: Duration?
        let isDryRun: Bool
        let precondition: Precondition

        init(_ request: Request, _ context: ServiceRequestContext, trashDelay: Duration) throws {
            let query = try Query(request, known: ["namespace", "delay", "purge", "wait", "dryRun"])
            place = try context.imagePlace(query)
            let (purge, delay) = (try query.flag("purge"), try query.duration("delay"))
            guard !purge || delay == nil else {
                throw Query.invalid(
                    "delay",
                    "a purged image is not kept",
                    hint: "purge the image now, or keep it for a delay"
                )
            }
            kept = purge ? nil : delay ?? trashDelay
            isAsGoodAsPurge = kept.map { $0 < trashDelay } ?? true
            (wait, isDryRun) = (try query.duration("wait"), try query.flag("dryRun"))
            precondition = try Precondition(request)
        }
    }

    private func answer(_ outcome: ImageDeletion.Outcome, wait: Duration?) async throws -> Response {
        switch outcome {
        case .gone: .noContent
        case .trashed(let image): .json(image)
        case .purging(let operation):
            try await service.operations.answer(operation, wait: wait) { _ in .noContent }
        }
    }

    // MARK: By id

    private var byID: ImageByID { ImageByID(service: service) }

    @Sendable private func getByID(_ request: Request, _ context: ServiceRequestContext) async throws -> Response {
        let place = try context.imagePlace(try Query(request, known: ["namespace"]))
        let precondition = try Precondition(request)
        let image = try await byID.get(try context.pathParameter("id"), in: place)
        let tag = EntityTag(image)
        if precondition.isUnchanged(tag) { return Response(status: .notModified, headers: [.eTag: tag.text]) }
        return .image(image)
    }

    @Sendable private func renameByID(_ request: Request, _ context: ServiceRequestContext) async throws -> Response {
        let query = try Query(request, known: ["namespace", "dryRun"])
        let (place, isDryRun) = (try context.imagePlace(query), try query.flag("dryRun"))
        let id = try context.pathParameter("id")
        let name = try await request.json(RenameImageRequest.self, limit: maximumBodyBytes).name
        try Access.current.requireCreation(of: name, in: place)
        let precondition = try Precondition(request)
        if isDryRun { return .json(try await byID.planToRename(id, to: name, in: place, if: precondition)) }
        return .image(try await byID.rename(id, to: name, in: place, if: precondition))
    }

    @Sendable private func deleteByID(_ request: Request, _ context: ServiceRequestContext) async throws -> Response {
        let deletion = try Deletion(request, context, trashDelay: trashDelay)
        let place = deletion.place
        let id = try context.pathParameter("id")
        if deletion.isAsGoodAsPurge { try await byID.requirePurge(id, in: place) }
        let (kept, precondition) = (deletion.kept, deletion.precondition)
        if deletion.isDryRun {
            return .json(try await byID.planToDelete(id, in: place, keptFor: kept, if: precondition))
        }
        return try await answer(
            try await byID.delete(id, in: place, keptFor: kept, if: precondition),
            wait: deletion.wait
        )
    }

    private func created(_ image: RBDAPI.Image) -> Response {
        AuditNotes.current?.after(AuditImage(image))
        var location = "/v1/pools/\(PercentEncoding.encode(image.pool))/images/\(PercentEncoding.encode(image.name))"
        if !image.namespace.isEmpty { location += "?namespace=\(PercentEncoding.encode(image.namespace))" }
        return .image(image, status: .created, headers: [.location: location])
    }
}
