// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

import Ceph
import FoundationEssentials
import Naming
import RBDAPI

/// The rules of the trash.
struct TrashService: Sendable {
    let images: ImageAccess
    let operations: OperationService
    let keeper: TrashKeeper
    let repair: ImageRepair

    /// The entries whose names are in the caller's scope.
    func list(in place: Place, _ request: PageRequest) async throws -> Page<RBDAPI.TrashedImage> {
        // One more tells whether there is another page.
        let found = try await images.pool(place).trash(
            after: request.cursor?.id ?? "",
            limit: request.limit + 1,
            where: { [access = Access.current] in access.may(.read, .name($0, place: place)) }
        )
        let items = found.prefix(request.limit).map { RBDAPI.TrashedImage($0, in: place) }
        let next = found.count > request.limit ? items.last.map { Cursor(name: $0.name, id: $0.id).text } : nil
        return Page(items: items, nextCursor: next)
    }

    func get(_ id: String, in place: Place) async throws -> RBDAPI.TrashedImage {
        RBDAPI.TrashedImage(try await entry(id, .read, in: place), in: place)
    }

    /// An entry whose name is in scope.
    /// - Throws: `CephError` with `.trashEntryNotFound`; `Problem` with `forbidden` if the caller may see the entry,
    ///   but lacks the scope.
    private func entry(_ id: String, _ verb: Verb, in place: Place) async throws -> Ceph.TrashedImage {
        let access = Access.current
        let found = try await images.pool(place).trashedImage(id: id) { name in
            access.sees(.name(name, place: place))
        }
        try access.require(verb, .name(found.entry.name, place: place))
        return found
    }

    /// Takes an image out of the trash.
    /// - Parameter newName: nil for its former name.
    func restore(
        _ id: String,
        as newName: String?,
        in place: Place,
        isDryRun: Bool
    ) async throws -> Attempt<RBDAPI.Image> {
        // Another replica may be moving the image right now. So an incomplete move is only refused after the claim.
        let found = try await restorable(id, as: newName, in: place, mayBeMoving: !isDryRun)
        if isDryRun {
            let name = newName ?? found.entry.name
            try await images.requireFree(name, in: place, for: .restoreImage)
            return Attempt(Plan.Step(.restoreImage, "\(place.image(name))", detail: "from trash entry \(id)"))
        }
        let pool = try images.pool(place)
        return try await images.changing(
            imageID: id,
            and: [newName.map { RawName($0) } ?? found.entry.rawName],
            in: place,
            for: .restoreImage,
            .restoreImage
        ) {
            // Before the claim, the image may have been restored, or its purge may have begun.
            let entry = try await settled(try await restorable(id, as: newName, in: place).entry, in: pool)
            let image = try await pool.restoreImage(entry, as: newName.map { RawName($0) } ?? entry.rawName)
            // The image may have been deleted before its creation was complete.
            try await pool.completeObjectMap(of: image)
            AuditNotes.current?.after(AuditImage(image))
            return .done(RBDAPI.Image(image, in: place))
        }
    }

    /// - Parameter mayBeMoving: whether the image may still be on its way to the trash.
    /// - Throws: `Problem` if the image can't be restored.
    private func restorable(
        _ id: String,
        as newName: String?,
        in place: Place,
        mayBeMoving: Bool = false
    ) async throws -> Ceph.TrashedImage {
        if let newName {
            try ImageRules.checkName(newName, field: "name", what: "image")
            try Access.current.requireCreation(of: newName, in: place)
        }
        let found = try await entry(id, .create, in: place)
        guard !found.entry.isBeingRemoved else {
            throw Problem(
                .imageIncomplete,
                detail: "the removal of image \"\(place.image(found.entry.name))\" has begun: it can't be restored",
                field: "id",
                remedy: .purge(place.image(id))
            )
        }
        try Self.requireNoMigration(found.entry, in: place)
        if let newName, RawName(newName) != found.entry.rawName {
            let store = AdoptionStore(try images.pool(place))
            try await store.requireNone(ofImageID: id, place.image(found.entry.name), newName: newName)
        }
        try await operations.store.requireNoOperation(onImage: id, spec: place.image(found.entry.name))
        if !mayBeMoving, let state = found.entry.state, state != .normal {
            try await requireStale(found.entry, in: place)
        }
        return found
    }

    /// Refuses to restore the source of a migration. It stays in the trash until the migration is committed or aborted,
    /// because it holds data of the image that clients use.
    /// - Throws: `Problem` with `image-migrating`.
    private static func requireNoMigration(_ entry: TrashEntry, in place: Place) throws(Problem) {
        guard entry.source == .migration else { return }
        throw Problem(
            .imageMigrating,
            detail:
                "trash entry \(entry.id) is the source of a migration of image \"\(place.image(entry.name))\" that has not ended",
            field: "id",
            hint: "rbd migration commit (after execute) removes the entry; rbd migration abort restores the image"
        )
    }

    /// Requires that no other program may still be moving the image.
    /// - Throws: `Problem` with `image-incomplete`.
    private func requireStale(_ entry: TrashEntry, in place: Place) async throws {
        let pool = try images.pool(place)
        let resource = pool.resource(ofImage: "#\(entry.id)")
        let trace = try await pool.trace(ofImageID: entry.id)
        let standing = ImageStanding(name: entry.rawName, image: trace)
        guard repair.remnants.isStale(.name(standing), of: resource) else { throw Problem.incomplete(resource) }
        if let name = trace.directoryName {
            // The image still has a name. The next request for that name decides what becomes of the image.
            throw Problem(
                .imageIncomplete,
                detail: "trash entry \(entry.id) still has the name \"\(place.image(name.text))\"",
                field: "id",
                hint: "create or delete image \"\(place.image(name.text))\": either completes the entry"
            )
        }
    }

    /// Finishes an interrupted move. The caller has claimed the entry.
    private func settled(_ entry: TrashEntry, in pool: Ceph.Pool) async throws -> TrashEntry {
        guard let state = entry.state, state != .normal else { return entry }
        return try await pool.settleInTrash(entry)
    }

    /// Removes an image in the trash, and its data.
    /// - Parameter force: whether to purge the image even if it has not expired.
    func purge(_ id: String, force: Bool, in place: Place, isDryRun: Bool) async throws -> Attempt<RBDAPI.Operation> {
        if isDryRun {
            return Attempt(Self.step(purging: try await purgeable(id, force: force, in: place).entry, in: place))
        }
        let name = try await entry(id, .purge, in: place).entry.name
        let purge = PurgeImage(force: force)
        if let begun = try await operations.begun(purge, on: place.image(name), imageID: id) { return .done(begun) }
        return try await images.changing(imageID: id, in: place, for: .purgeImage, .purgeImage) {
            let found = try await purgeable(id, force: force, in: place)
            AuditNotes.current?.before(AuditImage(name: found.entry.name, found.image))
            return .done(try await operations.start(purge, on: place.image(name), imageID: id))
        }
    }

    private static func step(purging entry: TrashEntry, in place: Place) -> Plan.Step {
        let detail = "permanently removes trash entry \(entry.id) and its data"
        return Plan.Step(.purgeImage, "\(place.image(entry.name))", detail: detail)
    }

    /// - Throws: `Problem` if librbd would refuse the purge.
    private func purgeable(_ id: String, force: Bool, in place: Place) async throws -> Ceph.TrashedImage {
        let pool = try images.pool(place)
        let found = try await entry(id, .purge, in: place)
        // By the cluster's clock.
        if !force, !found.entry.isBeingRemoved, found.entry.deferredUntil > (try await Records(of: pool).now()) {
            throw Problem(CephError(.trashDeferred, .purgeImage, on: .image(place.image(found.entry.name))))
        }
        do {
            let use = try await pool.use(ofImageID: id)
            if !found.entry.isBeingRemoved, var problem = Problem(use, of: place.image(found.entry.name)) {
                // The lists of watchers and locks need a name, which the image has lost.
                if !use.watchers.isEmpty || !use.locks.isEmpty {
                    problem.offer(.restoreToFree(place.image(id)))
                }
                throw problem
            }
        } catch let error as CephError where error.code == .imageNotFound {
            // Only the trash entry is left of the image.
        }
        return found
    }

    /// Purges the expired images that this service moved to the trash. The service also does this by itself, regularly.
    func purgeExpired(in place: Place, isDryRun: Bool) async throws -> Attempt<[RBDAPI.Operation]> {
        let pool = try images.pool(place)
        func isInScope(_ name: String) -> Bool { Access.current.may(.purge, .name(name, place: place)) }
        if isDryRun {
            let expired = try await keeper.expired(in: pool, namespace: place.namespace)
            return Attempt(expired.filter { isInScope($0.name) }.map { Self.step(purging: $0, in: place) })
        }
        let records = try await keeper.purgeExpired(in: pool, namespace: place.namespace, where: isInScope)
        for record in records {
            AuditNotes.current?.add(record.operation)
            await operations.runner.submit(record)
        }
        return .done(records.map(\.operation))
    }
}

extension RBDAPI.TrashedImage {
    init(_ found: Ceph.TrashedImage, in place: Place) {
        self.init(found.entry, image: found.image, in: place)
    }

    init(_ entry: TrashEntry, image: ImageInfo?, in place: Place) {
        self.init(
            id: entry.id,
            name: entry.name,
            pool: place.pool,
            namespace: place.namespace,
            source: entry.source.name,
            state: entry.isBeingRemoved ? "removing" : "trashed",
            deletedAt: entry.deletedAt.date.formatted(.iso8601),
            keptUntil: entry.deferredUntil.date.formatted(.iso8601),
            sizeBytes: image?.sizeBytes,
            snapshotCount: image?.snapshotCount
        )
    }
}
