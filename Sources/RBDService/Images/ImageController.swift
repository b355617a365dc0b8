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
    /// How long a deleted image can be restored, if the request does not say it.
    let trashDelay: Duration

    private static let images = "/v1/pools/{pool}/images"
    private static let image = "\(images)/{image}"
    private static let byID = "/v1/pools/{pool}/image-ids/{id}"
    private static let deletion: Set<String> = ["delay", "purge", "wait"]

    var endpoints: [Endpoint] {
        [
            Endpoint(.get, Self.images, .place(.read), query: ImageQuery.parameters, list),
            Endpoint(.post, Self.images, .place(.create), query: ["wait"], body: CreateImageRequest.self, create),
            Endpoint(.get, Self.image, .image(.read), query: ["fields"], get),
            Endpoint(.put, Self.image, .newImage, body: ImageProperties.self, put),
            Endpoint(.patch, Self.image, .image(.modify), query: ["wait"], body: UpdateImageRequest.self, update),
            Endpoint(.delete, Self.image, .image(.delete), query: Self.deletion, delete),
            Endpoint(.get, Self.byID, .place(.read), getByID),
            Endpoint(.patch, Self.byID, .place(.modify), body: RenameImageRequest.self, renameByID),
            Endpoint(.delete, Self.byID, .place(.delete), query: Self.deletion, deleteByID),
        ]
    }

    @Sendable private func list(_ call: Call) async throws -> Answer {
        let listing = ImageListing(service: service, place: call.place, query: try ImageQuery(call.query))
        guard call.request.accepts(ImageListing.streamType) else {
            return try await listing.page(for: call.request)
        }
        guard listing.query.isInDirectoryOrder else {
            throw Query.invalid(
                listing.query.sort == .name ? "order" : "sort",
                "a stream is always sorted by name, in ascending order",
                remedy: .sendHeader("Accept", "application/json")
            )
        }
        return try await listing.stream(requestID: call.context.requestID)
    }

    @Sendable private func create(_ call: Call, _ body: CreateImageRequest) async throws -> Answer {
        let place = call.place
        let body = try body.visible(in: place)
        try Access.current.requireCreation(of: body.name, in: place)
        if let copy = try await work.copy(body, in: place) {
            return try await work.answer(copy.work, on: copy.subject, to: call)
        }
        let outcome = try await service.create(body.name, body.properties, in: place, isDryRun: call.isDryRun)
        return await Answer(outcome) { created($0) }
    }

    @Sendable private func get(_ call: Call) async throws -> Answer {
        let (place, fields) = (call.place, try call.query.fields(known: ImageService.fields))
        let precondition = try Precondition(call.request)
        var image = try await service.get(call.name("image"), in: place)
        // The entity tag does not cover the extra fields, such as watchers and usage.
        if fields.isEmpty {
            let tag = EntityTag(image)
            if precondition.isUnchanged(tag) { return .notModified([.eTag: tag.text]) }
        }
        try await service.add(fields, to: &image, in: place)
        return .image(image)
    }

    @Sendable private func put(_ call: Call, _ properties: ImageProperties) async throws -> Answer {
        let (name, place) = (call.name("image"), call.place)
        let properties = try properties.visible(in: place)
        let outcome = try await service.put(
            name,
            properties,
            in: place,
            if: try Precondition(call.request),
            isDryRun: call.isDryRun
        )
        return await Answer(outcome) { found in found.isNew ? created(found.image) : .image(found.image) }
    }

    @Sendable private func update(_ call: Call, _ changes: UpdateImageRequest) async throws -> Answer {
        let (name, place) = (call.name("image"), call.place)
        if let newName = changes.name, newName != name { try Access.current.requireCreation(of: newName, in: place) }
        let outcome = try await service.update(
            name,
            changes,
            in: place,
            if: try Precondition(call.request),
            isDryRun: call.isDryRun
        )
        return try await Answer(outcome) { outcome in
            switch outcome {
            case .changed(let image): return .image(image)
            case .shrinking(let operation):
                return try await service.operations.answer(operation, wait: call.wait) { operation in
                    let image = try await service.get(operation.image, in: place)
                    AuditNotes.current?.after(AuditImage(image))
                    return .image(image)
                }
            }
        }
    }

    @Sendable private func delete(_ call: Call) async throws -> Answer {
        let deletion = try Deletion(call, trashDelay: trashDelay)
        let (name, place) = (call.name("image"), call.place)
        if deletion.isAsGoodAsPurge { try Access.current.require(.purge, .name(name, place: place)) }
        let outcome = try await service.deletion.delete(
            name,
            in: place,
            keptFor: deletion.kept,
            if: deletion.precondition,
            isDryRun: call.isDryRun
        )
        return try await answer(outcome, wait: call.wait)
    }

    /// The parameters of requests that delete an image.
    private struct Deletion {
        /// How long the image can be restored; nil to purge it immediately.
        let kept: Duration?
        /// Whether the image is kept for a shorter time than usual. That needs the same scope as a purge.
        let isAsGoodAsPurge: Bool
        let precondition: Precondition

        init(_ call: Call, trashDelay: Duration) throws(Problem) {
            let (purge, delay) = (try call.query.flag("purge"), try call.query.duration("delay"))
            guard !purge || delay == nil else {
                throw Query.invalid(
                    "delay",
                    "a purged image is not kept",
                    hint: "purge the image now, or keep it for a delay"
                )
            }
            kept = purge ? nil : delay ?? trashDelay
            isAsGoodAsPurge = kept.map { $0 < trashDelay } ?? true
            precondition = try Precondition(call.request)
        }
    }

    private func answer(_ outcome: Attempt<ImageDeletion.Outcome>, wait: Duration?) async throws -> Answer {
        try await Answer(outcome) { outcome in
            switch outcome {
            case .gone: return .noContent
            case .trashed(let image): return .json(image)
            case .purging(let operation):
                return try await service.operations.answer(operation, wait: wait) { _ in .noContent }
            }
        }
    }

    // MARK: By id

    private var byID: ImageByID { ImageByID(service: service) }

    @Sendable private func getByID(_ call: Call) async throws -> Answer {
        let precondition = try Precondition(call.request)
        let image = try await byID.get(call.name("id"), in: call.place)
        let tag = EntityTag(image)
        if precondition.isUnchanged(tag) { return .notModified([.eTag: tag.text]) }
        return .image(image)
    }

    @Sendable private func renameByID(_ call: Call, _ body: RenameImageRequest) async throws -> Answer {
        let (id, name, place) = (call.name("id"), body.name, call.place)
        try Access.current.requireCreation(of: name, in: place)
        let precondition = try Precondition(call.request)
        let outcome = try await byID.rename(id, to: name, in: place, if: precondition, isDryRun: call.isDryRun)
        return await Answer(outcome) { .image($0) }
    }

    @Sendable private func deleteByID(_ call: Call) async throws -> Answer {
        let deletion = try Deletion(call, trashDelay: trashDelay)
        let (id, place) = (call.name("id"), call.place)
        if deletion.isAsGoodAsPurge { try await byID.requirePurge(id, in: place) }
        let outcome = try await byID.delete(
            id,
            in: place,
            keptFor: deletion.kept,
            if: deletion.precondition,
            isDryRun: call.isDryRun
        )
        return try await answer(outcome, wait: call.wait)
    }

    private func created(_ image: RBDAPI.Image) -> Answer {
        AuditNotes.current?.after(AuditImage(image))
        let location = Location.image(ImageSpec(pool: image.pool, namespace: image.namespace, image: image.name))
        return .image(image, status: .created, headers: [.location: location])
    }
}
