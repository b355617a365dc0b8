// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

import Ceph
import Naming
import RBDAPI

/// Access to images by their ids. Images whose names are not UTF-8 can only be reached like this, since no path and no
/// JSON can hold such names. Callers can read and delete them, and rename them. After that, everything else works.
struct ImageByID: Sendable {
    let service: ImageService

    private var images: ImageAccess { service.images }

    func get(_ id: String, in place: Place) async throws -> RBDAPI.Image {
        RBDAPI.Image(try await find(id, .read, in: place), in: place)
    }

    /// An image whose name is in scope.
    /// - Throws: `CephError` with `.imageNotFound`; `Problem` with `forbidden` if the caller may see the image, but
    ///   lacks the scope.
    private func find(_ id: String, _ verb: Verb, in place: Place) async throws -> ImageInfo {
        let image = try await images.pool(place).image(id: id)
        guard Access.current.sees(.name(image.name, place: place)) else {
            throw CephError(.imageNotFound, .readImage, on: .image(place.image("#\(id)")))
        }
        try Access.current.require(verb, .name(image.name, place: place))
        return image
    }

    /// Changes an image, claimed by its id and its name.
    /// - Parameters:
    ///   - newName: the new name of the image.
    ///   - isDryRun: whether the body only plans. Then nothing is claimed.
    private func changing<Value: Sendable>(
        _ id: String,
        and newName: RawName? = nil,
        _ verb: Verb,
        in place: Place,
        for purpose: ClaimPurpose,
        _ operation: CephError.Operation,
        isDryRun: Bool,
        _ body: (ImageInfo) async throws -> Value
    ) async throws -> Value {
        if isDryRun { return try await body(try await find(id, verb, in: place)) }
        // The image may be renamed before it is claimed.
        for _ in 0..<3 {
            let name = try await find(id, verb, in: place).fullName
            let outcome = try await images.changing(
                imageID: id,
                and: [name] + (newName.map { [$0] } ?? []),
                in: place,
                for: purpose,
                operation
            ) { () async throws -> Value? in
                let image = try await find(id, verb, in: place)
                return image.fullName == name ? try await body(image) : nil
            }
            if let outcome { return outcome }
        }
        throw CephError(.imageChanged, operation, on: .image(place.image("#\(id)")))
    }

    // MARK: Names

    func rename(
        _ id: String,
        to newName: String,
        in place: Place,
        if precondition: Precondition,
        isDryRun: Bool
    ) async throws -> Attempt<RBDAPI.Image> {
        try ImageRules.checkName(newName, field: "name", what: "image")
        let target = RawName(newName)
        return try await changing(
            id,
            and: target,
            .modify,
            in: place,
            for: .changeImage,
            .changeImage,
            isDryRun: isDryRun
        ) { image in
            try precondition.check(RBDAPI.Image(image, in: place))
            guard !image.isBeingRemoved else {
                throw Problem.beingRemoved(.image(place.image(image.name)), errno: nil)
            }
            guard image.fullName != target else {
                return .unchanged(RBDAPI.Image(image, in: place), isDryRun: isDryRun)
            }
            let store = AdoptionStore(try images.pool(place))
            try await store.requireNone(ofImageID: id, place.image(image.name), newName: newName)
            if isDryRun {
                try await images.requireFree(newName, in: place, for: .changeImage)
                let detail = "to \(place.image(newName))"
                return Attempt(Plan.Step(.renameImage, "\(place.image(image.name))", detail: detail))
            }
            AuditNotes.current?.before(AuditImage(image))
            let pool = try images.pool(place)
            try await pool.renameImage(image.fullName, id: id, to: target)
            let renamed = try await pool.image(named: newName)
            AuditNotes.current?.after(AuditImage(renamed))
            return .done(RBDAPI.Image(renamed, in: place))
        }
    }

    // MARK: Deletion

    /// - Parameter delay: how long the image can be restored; nil to purge it immediately.
    func delete(
        _ id: String,
        in place: Place,
        keptFor delay: Duration?,
        if precondition: Precondition,
        isDryRun: Bool
    ) async throws -> Attempt<ImageDeletion.Outcome> {
        try await changing(id, .delete, in: place, for: .deleteImage, .moveToTrash, isDryRun: isDryRun) { image in
            try precondition.check(RBDAPI.Image(image, in: place))
            return try await service.deletion.delete(image, in: place, keptFor: delay, isDryRun: isDryRun)
        }
    }

    /// Requires the scope `purge`: for images that are purged, or kept for a shorter time than usual.
    func requirePurge(_ id: String, in place: Place) async throws {
        _ = try await find(id, .purge, in: place)
    }
}
