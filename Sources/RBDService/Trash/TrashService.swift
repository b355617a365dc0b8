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

    /// Those of whose names the image may be read.
    func list(in place: Place, after cursor: Cursor?, limit: Int) async throws -> Page<RBDAPI.TrashedImage> {
        // One more tells whether there is another page.
        let found = try await images.pool(place).trash(
            after: cursor?.id ?? "",
            limit: limit + 1,
            where: { [access = Access.current] in access.may(.read, .name($0, place: place)) }
        )
        let items = found.prefix(limit).map { RBDAPI.TrashedImage($0, in: place) }
        let next = found.count > limit ? items.last.map { Cursor(name: $0.name, id: $0.id).text } : nil
        return Page(items: items, nextCursor: next)
    }

    func get(_ id: String, in place: Place) async throws -> RBDAPI.TrashedImage {
        RBDAPI.TrashedImage(try await entry(id, .read, in: place), in: place)
    }

    /// An entry whose name is in scope.
    /// - Throws: `CephError` with `.trashEntryNotFound`; `Problem` with `forbidden` where that must not be done with it.
    private func entry(_ id: String, _ verb: Verb, in place: Place) async throws -> Ceph.TrashedImage {
        let access = Access.current
        let found = try await images.pool(place).trashedImage(id: id) { name in
            access.sees(.name(name, place: place))
        }
        try access.require(verb, .name(found.entry.name, place: place))
        return found
    }

    /// Takes an image out of the trash.
    /// - Parameter newName: nil for the name that it had.
    func restore(_ id: String, as newName: String?, in place: Place) async throws -> RBDAPI.Image {
        let pool = try images.pool(place)
        // Another replica may be in the middle of it: whether it is half-made is looked at once it is claimed.
        let found = try await restorable(id, as: newName, in: place, isClaimed: false)
        return try await images.changing(
            imageID: id,
            and: [newName.map { RawName($0) } ?? found.entry.rawName],
            in: place,
            for: .restoreImage,
            .restoreImage
        ) {
            // It may have been taken out, or its purge may have begun, before it was claimed.
            let entry = try await settled(try await restorable(id, as: newName, in: place).entry, in: pool)
            let image = try await pool.restoreImage(entry, as: newName.map { RawName($0) } ?? entry.rawName)
            // It may have been deleted before its making had come to its end.
            try await pool.completeObjectMap(of: image)
            AuditNotes.current?.after(AuditImage(image))
            return RBDAPI.Image(image, in: place)
        }
    }

    /// What restoring would do.
    func planToRestore(_ id: String, as newName: String?, in place: Place) async throws -> Plan {
        let found = try await restorable(id, as: newName, in: place)
        let name = newName ?? found.entry.name
        do {
            _ = try await images.pool(place).image(named: name)
        } catch let error as CephError where error.code == .imageNotFound {
            return Plan(steps: [Plan.Step("restore-image", "\(place.image(name))", detail: "from trash entry \(id)")])
        }
        throw CephError(.imageExists, .restoreImage, on: .image(place.image(name)))
    }

    /// - Throws: `Problem`, where it can't be restored.
    private func restorable(
        _ id: String,
        as newName: String?,
        in place: Place,
        isClaimed: Bool = true
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
        try await operations.store.requireNoOperation(onImage: id, spec: place.image(found.entry.name))
        if isClaimed, let state = found.entry.state, state != .normal { try await requireStale(found.entry, in: place) }
        return found
    }

    /// A migration keeps its source in the trash until it is committed or aborted: the data of the image that clients use.
    /// - Throws: `Problem` with `image-migrating`.
    private static func requireNoMigration(_ entry: TrashEntry, in place: Place) throws(Problem) {
        guard entry.source == .migration else { return }
        throw Problem(
            .imageMigrating,
            detail:
                "trash entry \(entry.id) is the source of a migration of image \"\(place.image(entry.name))\", which is not ended",
            field: "id",
            hint: "rbd migration commit (after execute) removes the entry; rbd migration abort restores the image"
        )
    }

    /// Another program may be in the middle of moving it.
    /// - Throws: `Problem` with `image-incomplete`.
    private func requireStale(_ entry: TrashEntry, in place: Place) async throws {
        let pool = try images.pool(place)
        let resource = pool.resource(ofImage: "#\(entry.id)")
        let trace = try await pool.trace(ofImageID: entry.id)
        let standing = ImageStanding(name: entry.rawName, image: trace)
        guard repair.remnants.isStale(.name(standing), of: resource) else { throw Problem.incomplete(resource) }
        if let name = trace.directoryName {
            // It has a name as well: whoever asks for that one finds out what is to become of it.
            throw Problem(
                .imageIncomplete,
                detail: "trash entry \(entry.id) still has the name \"\(place.image(name.text))\"",
                field: "id",
                hint: "create or delete image \"\(place.image(name.text))\": either completes the entry"
            )
        }
    }

    /// Brings to its end what an interrupted move has left. The entry is claimed.
    private func settled(_ entry: TrashEntry, in pool: Ceph.Pool) async throws -> TrashEntry {
        guard let state = entry.state, state != .normal else { return entry }
        return try await pool.settleInTrash(entry)
    }

    /// Removes an image in the trash, and its data.
    /// - Parameter force: whether before it has been kept for as long as it was to be.
    func purge(_ id: String, force: Bool, in place: Place) async throws -> RBDAPI.Operation {
        let name = try await entry(id, .purge, in: place).entry.name
        let parameters = OperationRecord.Parameters(force: force)
        if let begun = try await operations.begun(
            .purgeImage,
            on: place.image(name),
            imageID: id,
            parameters: parameters
        ) {
            return begun
        }
        return try await images.changing(imageID: id, in: place, for: .purgeImage, .purgeImage) {
            let found = try await purgeable(id, force: force, in: place)
            AuditNotes.current?.before(AuditImage(name: found.entry.name, found.image))
            return try await operations.start(.purgeImage, on: place.image(name), imageID: id, parameters: parameters)
        }
    }

    func planToPurge(_ id: String, force: Bool, in place: Place) async throws -> Plan {
        let found = try await purgeable(id, force: force, in: place)
        let spec = place.image(found.entry.name)
        return Plan(steps: [Plan.Step("purge-image", "\(spec)", detail: "trash entry \(id), with its data, for ever")])
    }

    /// - Throws: `Problem`, where librbd would refuse it.
    private func purgeable(_ id: String, force: Bool, in place: Place) async throws -> Ceph.TrashedImage {
        let pool = try images.pool(place)
        let found = try await entry(id, .purge, in: place)
        let isDue = if force || found.entry.isBeingRemoved { true } else { try await isOver(found.entry, in: place) }
        guard isDue else {
            throw Problem(CephError(.trashDeferred, .purgeImage, on: .image(place.image(found.entry.name))))
        }
        do {
            let use = try await pool.use(ofImageID: id)
            if !found.entry.isBeingRemoved, var problem = Problem(use, of: place.image(found.entry.name)) {
                // Without a name it has neither of the lists.
                if !use.watchers.isEmpty || !use.locks.isEmpty {
                    problem.offer(.restoreToFree(place.image(id)))
                }
                throw problem
            }
        } catch let error as CephError where error.code == .imageNotFound {
            // Only the entry is left of it.
        }
        return found
    }

    /// Whether an entry's time is over, by the cluster's clock.
    private func isOver(_ entry: TrashEntry, in place: Place) async throws -> Bool {
        try await entry.deferredUntil <= Records(of: images.pool(place)).now()
    }

    /// What purging what has expired would do.
    func planToPurgeExpired(in place: Place) async throws -> Plan {
        let entries = try await keeper.expired(in: try images.pool(place), namespace: place.namespace)
            .filter { Access.current.may(.purge, .name($0.name, place: place)) }
        return Plan(
            steps: entries.map { entry in
                let detail = "trash entry \(entry.id), with its data, for ever"
                return Plan.Step("purge-image", "\(place.image(entry.name))", detail: detail)
            }
        )
    }

    /// Purges what this service put into the trash and whose time is over. The service does so by itself now and then.
    func purgeExpired(in place: Place) async throws -> [RBDAPI.Operation] {
        let pool = try images.pool(place)
        let records = try await keeper.purgeExpired(in: pool, namespace: place.namespace) { name in
            Access.current.may(.purge, .name(name, place: place))
        }
        for record in records {
            AuditNotes.current?.add(record.operation)
            await operations.runner.submit(record)
        }
        return records.map(\.operation)
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
