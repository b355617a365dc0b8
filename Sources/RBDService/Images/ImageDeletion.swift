// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

import Ceph
import FoundationEssentials
import Naming
import RBDAPI

/// Deletes images: either into the trash, from where they can be restored for a time, or permanently.
struct ImageDeletion: Sendable {
    let images: ImageAccess
    let repair: ImageRepair
    let operations: OperationService
    let keeper: TrashKeeper

    enum Outcome {
        case trashed(RBDAPI.TrashedImage)
        /// The image is in the trash, and an operation removes its data.
        case purging(RBDAPI.Operation)
        /// The image is gone. It was only a name, or an image of format 1 that was to be purged.
        case gone
    }

    /// Deletes an image, unless a client, a lock, a snapshot, a group or a migration prevents it.
    /// - Parameter delay: how long the image can be restored; nil to purge it immediately.
    func delete(
        _ name: String,
        in place: Place,
        keptFor delay: Duration?,
        if precondition: Precondition,
        isDryRun: Bool
    ) async throws -> Attempt<Outcome> {
        // An incomplete image may have been completed in the meantime.
        for _ in 0..<3 {
            do {
                return try await images.changing(
                    name,
                    in: place,
                    for: .deleteImage,
                    .moveToTrash,
                    isQuiet: true,
                    isDryRun: isDryRun
                ) { image in
                    try precondition.check(RBDAPI.Image(image, in: place))
                    return try await delete(image, in: place, keptFor: delay, isDryRun: isDryRun)
                }
            } catch let error as CephError where error.code == .imageNotFound || error.code == .imageIncomplete {
                try precondition.check(nil)
                if isDryRun { return Attempt(try await step(clearing: name, in: place, error)) }
                if let outcome = try await clear(name, in: place, keptFor: delay, error) { return .done(outcome) }
            }
        }
        throw CephError(.imageChanged, .moveToTrash, on: .image(place.image(name)))
    }

    /// Deletes an image, which is claimed unless this is a dry run.
    /// - Parameter volume: the static PersistentVolume that ends with the image. If the image was adopted as this one,
    ///   the adoption ends, too.
    func delete(
        _ image: ImageInfo,
        in place: Place,
        keptFor delay: Duration?,
        with volume: String? = nil,
        isDryRun: Bool
    ) async throws -> Attempt<Outcome> {
        if isDryRun { return .planned(try await plan(image, in: place, keptFor: delay)) }
        let pool = try images.pool(place)
        if image.isBeingRemoved {
            guard let entry = try await pool.trace(ofImageID: image.id).trash else {
                throw CephError(.imageChanged, .moveToTrash, on: .image(place.image(image.name)))
            }
            return .done(.purging(try await repair.resumeRemoval(of: entry, in: pool)))
        }
        let records = Records(of: pool)
        async let asked = records.timeOfChange()
        let adoptions = AdoptionStore(pool)
        let adoption = try await adoptions.requireEnding(
            ofImageID: image.id,
            place.image(image.name),
            with: volume
        )
        try await requireFree(image, in: place)
        // Otherwise its parent snapshot could be removed while the image is in the trash.
        if image.parent != nil { try await repair.completeClone(image, in: pool) }
        AuditNotes.current?.before(AuditImage(image))
        guard !image.id.isEmpty else {
            guard delay == nil else { throw Self.cannotBeTrashed(place.image(image.name)) }
            try await pool.removeFormat1Image(named: image.name)
            return .done(.gone)
        }
        // Before the move: an interruption then leaves a volume without a record, and no record without a volume.
        if let adoption { try await adoptions.remove(adoption) }
        let now = try await asked
        let entry = TrashEntry(
            id: image.id,
            name: image.fullName,
            deletedAt: now,
            deferredUntil: now + (delay ?? .zero)
        )
        // An immediate purge begins below. The mark makes sure that another process begins it if this one dies before.
        let mark = try await keeper.announce(entry, in: place, until: now + (delay ?? TrashKeeper.grace), records)
        let moved: TrashEntry
        do {
            moved = try await pool.moveToTrash(entry)
        } catch let error as CephError {
            if error.code != .timedOut { try? await keeper.withdraw(mark, records) }
            throw error
        }
        try await giveBack(moved, in: place, ifInUse: mark)
        if delay != nil { return .done(.trashed(RBDAPI.TrashedImage(moved, image: image, in: place))) }
        let operation = try await operations.start(
            PurgeImage(force: true),
            on: place.image(image.name),
            imageID: image.id
        )
        try await keeper.withdraw(mark, records)
        return .done(.purging(operation))
    }

    /// - Throws: `Problem` if a client, a lock, a snapshot, a group or a migration prevents the deletion.
    private func requireFree(_ image: ImageInfo, in place: Place) async throws {
        let pool = try images.pool(place)
        let use = try await use(of: image, in: pool)
        // Clones of format 1 may be in pools that do not answer. The refusal then does not name them.
        let clones = use.snapshots.isEmpty ? [] : (try? await pool.clones(ofImage: image.name)) ?? []
        if let problem = Problem(use, clones: clones, of: place.image(image.name)) { throw problem }
        if use.abandonedSnapshotCount > 0 { try await pool.removeAbandonedSnapshots(ofImageID: image.id) }
    }

    private func use(of image: ImageInfo, in pool: Ceph.Pool) async throws -> ImageUse {
        try await image.id.isEmpty ? pool.use(ofImage: image.name) : pool.use(ofImageID: image.id)
    }

    private static func cannotBeTrashed(_ spec: ImageSpec) -> Problem {
        Problem(
            .confirmationRequired,
            detail:
                "image \"\(spec)\" has the old format 1, which the trash can't hold: deleting it destroys its data permanently",
            field: "purge",
            remedy: .confirmPurgeOfOldFormat
        )
    }

    /// How long a client may still have an image open that was moved to the trash. `rbd trash mv` of the same image is
    /// such a client: it finds our trash entry, and continues to remove the name. If it did so after we gave the image
    /// back, the image would have no name at all.
    private static let briefUse = Duration.seconds(1)

    /// Gives an image back that a client still uses. Moving it to the trash does not involve clients, so a client may
    /// have opened it after our check.
    private func giveBack(_ entry: TrashEntry, in place: Place, ifInUse mark: TrashKeeper.Mark) async throws {
        let pool = try images.pool(place)
        let end = ContinuousClock.now + Self.briefUse
        var use = try await pool.use(ofImageID: entry.id)
        while !use.watchers.isEmpty || !use.locks.isEmpty, .now < end {
            try await Task.sleep(for: .milliseconds(50))
            use = try await pool.use(ofImageID: entry.id)
        }
        guard !use.watchers.isEmpty || !use.locks.isEmpty, var problem = Problem(use, of: place.image(entry.name))
        else {
            return
        }
        do {
            _ = try await pool.restoreImage(entry, as: entry.rawName)
            try await keeper.withdraw(mark, Records(of: pool))
        } catch {
            problem.detail += "; the image was already in the trash, and could not be restored"
            problem.offer(.restore(place.image(entry.id)))
        }
        throw problem
    }

    // MARK: Incomplete images

    /// Deletes the remains under a name that leads to no complete image. It destroys nothing that could be repaired.
    /// - Parameter missing: the error that says why there is no complete image.
    /// - Returns: nil if the image exists.
    private func clear(
        _ name: String,
        in place: Place,
        keptFor delay: Duration?,
        _ missing: CephError
    ) async throws -> Outcome? {
        let pool = try images.pool(place)
        return try await images.holding(name, in: place, for: .deleteImage, .moveToTrash) { standing in
            guard standing.state != .strayNameObject else {
                // No image has the name, whether or not its remains may be removed already.
                _ = try? await repair.mend(standing, in: pool)
                throw missing
            }
            switch try await repair.mend(standing, in: pool, isDeletion: true) {
            case .whole, .completed:
                guard standing.state == .free else { return nil }
                guard let entry = try await pool.interruptedRemovals(ofImage: name).first else { throw missing }
                return .purging(try await repair.resumeRemoval(of: entry, in: pool))
            case .freed: return .gone
            case .removing(let operation): return .purging(operation)
            case .trashed(let entry, _): return .trashed(try await kept(entry, in: place, for: delay ?? .zero))
            }
        }
    }

    /// Keeps an image whose move to the trash was interrupted. It is kept as long as the interrupted request said, or
    /// this one, whichever is later.
    private func kept(
        _ entry: TrashEntry,
        in place: Place,
        for delay: Duration
    ) async throws -> RBDAPI.TrashedImage {
        let pool = try images.pool(place)
        let records = Records(of: pool)
        let until = try await records.timeOfChange() + delay
        let kept = entry.deferredUntil < until ? try await pool.deferRemoval(of: entry, until: until) : entry
        _ = try await keeper.announce(kept, in: place, until: kept.deferredUntil, records)
        let image = try await pool.trashedImage(id: entry.id).image
        return RBDAPI.TrashedImage(kept, image: image, in: place)
    }

    // MARK: Plans

    private static let removalHasBegun = "its removal has begun; this removes the rest of its data"

    /// If the image can't be deleted, the plan lists what must be done before.
    private func plan(_ image: ImageInfo, in place: Place, keptFor delay: Duration?) async throws -> Plan {
        let (pool, name) = (try images.pool(place), image.name)
        let use = try await use(of: image, in: pool)
        // An image whose parent is gone can't be opened, but it can go to the trash.
        let snapshots = use.snapshots.isEmpty ? [] : (try? await pool.snapshots(ofImage: name)) ?? []
        let clones = snapshots.isEmpty ? [] : (try? await pool.clones(ofImage: name)) ?? []
        let blockers = Problem(use, clones: clones, of: place.image(name))?.blockers ?? []
        if image.parent != nil, blockers.isEmpty { try await repair.requireAttachable(image, in: pool) }
        guard !image.id.isEmpty || delay == nil else { throw Self.cannotBeTrashed(place.image(name)) }
        let cloned = await CloneSnapshots(of: clones, images)
        var steps = DeletionSteps(use, snapshots, clones, cloned, of: place.image(name)).steps
        let spec = "\(place.image(name))"
        let adoption =
            image.isBeingRemoved ? nil : try await AdoptionStore(pool).adoption(ofImageID: image.id)?.adoption
        if let adoption {
            steps.insert(Plan.Step(.releaseImage, spec, detail: "from the claim \(adoption.claim)"), at: 0)
        }
        // Mirroring of an image that can't be opened can't be read.
        if !image.isBeingRemoved, !steps.contains(where: { $0.action == .endMirroring }),
            let mirroring = try? await pool.details(.mirroring, ofImage: name, id: image.id).mirroring
        {
            guard mirroring.isPrimary else {
                throw Ceph.ImageMirroring.refusal(.moveToTrash, on: .image(place.image(name)))
            }
            steps.append(DeletionSteps.step(endingMirroringOf: spec))
        }
        if image.isBeingRemoved {
            steps.append(Plan.Step(.purgeImage, spec, detail: Self.removalHasBegun))
        } else if let delay {
            let detail = "it can be restored for \(DurationText.text(of: delay))"
            steps.append(Plan.Step(.moveToTrash, spec, detail: detail))
        } else {
            steps.append(Plan.Step(.purgeImage, spec, detail: "its data is removed permanently"))
        }
        return Plan(allowed: blockers.isEmpty && adoption == nil, steps: steps, blockers: blockers)
    }

    /// - Parameter missing: the error that says why there is no complete image.
    private func step(clearing name: String, in place: Place, _ missing: CephError) async throws -> Plan.Step {
        let pool = try images.pool(place)
        let standing = try await pool.standing(of: RawName(name))
        let (action, detail): (Plan.Action, String) =
            switch standing.state {
            case .withoutHeader: (.clearRemnant, "an interrupted create left the name")
            case .halfTrashed: (.moveToTrash, "it is already in the trash, and loses its name")
            case .beingRemoved, .free: (.purgeImage, Self.removalHasBegun)
            case .strayNameObject, .contradictory, .whole, .withoutNameObject: throw missing
            }
        if standing.state != .free {
            try await repair.requireRemnant(standing, in: pool)
        } else if try await pool.interruptedRemovals(ofImage: name).isEmpty {
            throw missing
        }
        return Plan.Step(action, "\(place.image(name))", detail: detail)
    }
}
