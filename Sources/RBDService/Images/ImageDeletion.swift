// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

import Ceph
import FoundationEssentials
import RBDAPI

/// How an image is deleted: into the trash, from where it can be restored for a while; or for good.
struct ImageDeletion: Sendable {
    let images: ImageAccess
    let repair: ImageRepair
    let operations: OperationService
    let keeper: TrashKeeper

    enum Outcome {
        case trashed(RBDAPI.TrashedImage)
        /// It is in the trash, and its data is being removed.
        case purging(RBDAPI.Operation)
        /// There was nothing but what an interrupted create or delete had left, or an image that can't be in the trash.
        case gone
    }

    /// Deletes an image, unless somebody or something holds on to it. The image's lock is held.
    /// - Parameter delay: for how long it can be restored; nil to purge it at once.
    func delete(_ name: String, in place: ImagePlace, keptFor delay: Duration?) async throws -> Outcome {
        let pool = try images.pool(place)
        guard let image = try await deletable(name, in: place) else { return .gone }
        AuditNotes.current?.before(AuditImage(image))
        guard !image.id.isEmpty else {
            // The trash goes by id, and images of the old format have none.
            try await pool.removeImage(named: name)
            return .gone
        }
        let records = OperationStore.records(pool)
        // What is purged at once is begun right here; the mark is for the case that this process dies before.
        let mark = try await keeper.announce(image.id, in: place, delay: delay ?? TrashKeeper.grace, records)
        let entry: TrashEntry
        do {
            entry = try await pool.moveToTrash(imageNamed: name, id: image.id, delay: delay ?? .zero)
        } catch let error as CephError {
            if error.code != .timedOut { try? await keeper.withdraw(mark, records) }
            throw try await explain(error, name, in: place)
        }
        try await giveBack(entry, in: place, ifInUse: mark)
        guard delay == nil else {
            try await keeper.confirm(mark, entry, records)
            return .trashed(RBDAPI.TrashedImage(entry, image: image, in: place))
        }
        let operation = try await operations.start(
            .purgeImage,
            on: place.spec(name),
            imageID: image.id,
            parameters: .init(force: true)
        )
        try await keeper.withdraw(mark, records)
        return .purging(operation)
    }

    /// Looks whether an image may be deleted.
    /// - Returns: nil where there was something half-made only, and it is cleared away now.
    private func deletable(_ name: String, in place: ImagePlace) async throws -> ImageInfo? {
        let pool = try images.pool(place)
        do {
            let image = try await pool.image(named: name)
            let use = try await pool.use(ofImage: name)
            // Clones of format 1 may be in pools that do not answer: it is refused without naming them then.
            let clones = use.snapshots.isEmpty ? [] : (try? await pool.clones(ofImage: name)) ?? []
            guard let problem = Problem(use, clones: clones, of: place.spec(name)) else { return image }
            // The client may be one of us, at work on the image.
            if !use.watchers.isEmpty {
                try await operations.store.requireNoOperation(onImage: image.id, spec: place.spec(name))
            }
            throw problem
        } catch let error as CephError where error.code == .imageNotFound {
            if try await repair.clearRemnant(of: name, in: pool) { return nil }
            // An interrupted delete leaves a name that can't be opened, too; librbd takes it up again.
            try await repair.resumeRemoval(of: name, in: pool)
            return nil
        }
    }

    /// librbd moves an image from under clients that have it open. One that opened it after we had looked gets it back.
    private func giveBack(_ entry: TrashEntry, in place: ImagePlace, ifInUse mark: TrashKeeper.Mark) async throws {
        let pool = try images.pool(place)
        let use = try await pool.use(ofImageID: entry.id)
        guard !use.watchers.isEmpty || !use.locks.isEmpty, var problem = Problem(use, of: place.spec(entry.name)) else {
            return
        }
        do {
            _ = try await pool.restoreImage(id: entry.id, as: entry.name)
            try await keeper.withdraw(mark, OperationStore.records(pool))
        } catch {
            problem.detail += "; it was in the trash by then, and could not be taken out again"
            problem.hint = "POST /v1/pools/\(place.pool)/trash/\(entry.id)/restore gives it back"
        }
        throw problem
    }

    private func explain(_ error: CephError, _ name: String, in place: ImagePlace) async throws -> any Error {
        let pool = try images.pool(place)
        switch error.code {
        case .imageNotFound:
            // It was there. librbd says so, too, where a full pool has no room for the trash's record.
            return await PoolFullness(pool).problem(error) ?? error
        case .imageBusy: return try await repair.explain(error, place.spec(name), in: pool)
        default: return error
        }
    }

    /// What deleting it would do, and where it would be refused, what is to be done first.
    func plan(_ name: String, in place: ImagePlace, keptFor delay: Duration?) async throws -> Plan {
        let pool = try images.pool(place)
        let spec = "\(place.spec(name))"
        let use: ImageUse
        do {
            use = try await pool.use(ofImage: name)
        } catch let error as CephError where error.code == .imageNotFound {
            let isRemnant = try await pool.remnant(ofImage: name) != nil
            let isInterrupted = try await pool.hasInterruptedRemoval(ofImage: name)
            guard isRemnant || isInterrupted else { throw error }
            return Plan(steps: [Plan.Step("clear-remnant", spec, detail: "an interrupted create or delete left it")])
        }
        let snapshots = use.snapshots.isEmpty ? [] : try await pool.snapshots(ofImage: name)
        let clones = snapshots.isEmpty ? [] : try await pool.clones(ofImage: name)
        let blockers = Problem(use, clones: clones, of: place.spec(name))?.blockers ?? []
        let cloned = await CloneSnapshots(of: clones, images)
        var steps = DeletionSteps(use, snapshots, clones, cloned, of: place.spec(name)).steps
        if let delay {
            let detail = "it can be restored for \(DurationText.text(of: delay))"
            steps.append(Plan.Step("move-to-trash", spec, detail: detail))
        } else {
            steps.append(Plan.Step("purge-image", spec, detail: "its data is removed for ever"))
        }
        return Plan(allowed: blockers.isEmpty, steps: steps, blockers: blockers)
    }
}

/// What is to be done before an image can be deleted, in an order that works.
struct DeletionSteps {
    let steps: [Plan.Step]

    /// - Parameter cloned: the snapshots of the clones.
    init(
        _ use: ImageUse,
        _ snapshots: [SnapshotInfo],
        _ clones: [ImageClone],
        _ cloned: CloneSnapshots,
        of spec: ImageSpec
    ) {
        var steps: [Plan.Step] = []
        for watcher in use.watchers {
            let detail =
                "at \(watcher.address); unmap the image there, or rbdctl image watcher evict \(spec) \(watcher.client)"
            steps.append(Plan.Step("end-client", watcher.client, detail: detail))
        }
        for lock in use.locks {
            let detail = "\"\(lock.cookie)\" of \(lock.client): rbdctl image lock break \(spec) \(lock.client)"
            steps.append(Plan.Step("remove-lock", "\(spec)", detail: detail))
        }
        if use.isMigrating {
            steps.append(Plan.Step("end-migration", "\(spec)", detail: "commit it or abort it"))
        }
        for snapshot in snapshots {
            let own = clones.filter { $0.snapshot == snapshot.name }
            steps += own.flatMap(cloned.steps) + Self.steps(for: snapshot, of: spec)
        }
        if let group = use.group {
            let name = Problem.spec(of: group, with: spec)
            let isSeen = Access.current.may(
                .read,
                ImageSpec(pool: group.pool, namespace: spec.namespace, image: group.name)
            )
            let detail = isSeen ? "rbdctl group image remove \(name) \(spec)" : "the group is out of scope"
            steps.append(Plan.Step("remove-from-group", "\(spec)", detail: detail))
        }
        self.steps = steps
    }

    /// How an image is freed from the snapshot that it was cloned from.
    static func step(freeing clone: ImageChild) -> Plan.Step {
        let place = ImagePlace(pool: clone.pool, namespace: clone.namespace)
        if clone.inTrash {
            return Plan.Step(
                "purge-image",
                clone.spec,
                detail: "rbdctl trash purge \(place.spec(clone.imageID)) --force; it is in the trash"
            )
        }
        return Plan.Step(
            "flatten-clone",
            clone.spec,
            detail: clone.image.isEmpty
                ? "its name can't be read: the pool is gone, or not the service's to read"
                : "rbdctl image flatten \(clone.spec)"
        )
    }

    /// What is done to a snapshot once it has no clones.
    static func steps(for snapshot: SnapshotInfo, of spec: ImageSpec) -> [Plan.Step] {
        let name = SnapshotSpec(image: spec, snapshot: snapshot.name).description
        switch snapshot.kind {
        case .user:
            let unprotect = Plan.Step("unprotect-snapshot", name, detail: "rbdctl snapshot unprotect \(name)")
            let delete = Plan.Step("delete-snapshot", name, detail: "rbdctl snapshot delete \(name)")
            return snapshot.isProtected ? [unprotect, delete] : [delete]
        case .group:
            let origin = snapshot.origin ?? name
            return [Plan.Step("delete-group-snapshot", origin, detail: "rbdctl group snapshot delete \(origin)")]
        // It goes with the last of its clones.
        case .trash: return []
        case .mirror, .unknown:
            return [
                Plan.Step("delete-snapshot", name, detail: "mirroring made it, or something newer: delete it there")
            ]
        }
    }
}
