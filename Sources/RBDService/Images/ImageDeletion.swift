// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

import Ceph
import FoundationEssentials
import Naming
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
        /// There was nothing but a name, or an image that can't be in the trash and was to be purged.
        case gone
    }

    /// Deletes an image, unless somebody or something holds on to it.
    /// - Parameter delay: for how long it can be restored; nil to purge it at once.
    func delete(
        _ name: String,
        in place: Place,
        keptFor delay: Duration?,
        if precondition: Precondition
    ) async throws -> Outcome {
        // What looked half-made may have been made whole in the meantime.
        for _ in 0..<3 {
            do {
                return try await images.changing(name, in: place, for: .deleteImage, .moveToTrash, isQuiet: true) {
                    image in
                    try precondition.check(RBDAPI.Image(image, in: place))
                    return try await delete(image, in: place, keptFor: delay)
                }
            } catch let error as CephError where error.code == .imageNotFound || error.code == .imageIncomplete {
                try precondition.check(nil)
                if let outcome = try await clear(name, in: place, keptFor: delay, error) { return outcome }
            }
        }
        throw CephError(.imageChanged, .moveToTrash, on: .image(place.image(name)))
    }

    /// Deletes an image that is claimed.
    func delete(_ image: ImageInfo, in place: Place, keptFor delay: Duration?) async throws -> Outcome {
        let pool = try images.pool(place)
        if image.isBeingRemoved {
            guard let entry = try await pool.trace(ofImageID: image.id).trash else {
                throw CephError(.imageChanged, .moveToTrash, on: .image(place.image(image.name)))
            }
            return .purging(try await repair.resumeRemoval(of: entry, in: pool))
        }
        let records = Records(of: pool)
        async let asked = records.timeOfChange()
        try await requireFree(image, in: place)
        // Else the snapshot that it lives on could be removed while it is in the trash.
        if image.parent != nil { try await repair.completeClone(image, in: pool) }
        AuditNotes.current?.before(AuditImage(image))
        guard !image.id.isEmpty else {
            guard delay == nil else { throw Self.cannotBeTrashed(place.image(image.name)) }
            try await pool.removeFormat1Image(named: image.name)
            return .gone
        }
        let now = try await asked
        let entry = TrashEntry(
            id: image.id,
            name: image.fullName,
            deletedAt: now,
            deferredUntil: now + (delay ?? .zero)
        )
        // What is purged at once is begun right here; the mark is for the case that this process dies before.
        let mark = try await keeper.announce(entry, in: place, until: now + (delay ?? TrashKeeper.grace), records)
        let moved: TrashEntry
        do {
            moved = try await pool.moveToTrash(entry)
        } catch let error as CephError {
            if error.code != .timedOut { try? await keeper.withdraw(mark, records) }
            throw error
        }
        try await giveBack(moved, in: place, ifInUse: mark)
        if delay != nil { return .trashed(RBDAPI.TrashedImage(moved, image: image, in: place)) }
        let operation = try await operations.start(
            .purgeImage,
            on: place.image(image.name),
            imageID: image.id,
            parameters: .init(force: true)
        )
        try await keeper.withdraw(mark, records)
        return .purging(operation)
    }

    /// - Throws: `Problem`, where somebody or something holds on to the image.
    private func requireFree(_ image: ImageInfo, in place: Place) async throws {
        let pool = try images.pool(place)
        let use = try await use(of: image, in: pool)
        // Clones of format 1 may be in pools that do not answer: it is refused without naming them then.
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
                "image \"\(spec)\" is of the old format 1, which the trash can't hold: deleting it destroys its data for ever",
            field: "purge",
            remedy: .confirmPurgeOfOldFormat
        )
    }

    /// How long a client may have an image open that goes to the trash. `rbd trash mv` of the same image is one of these: it finds our entry,
    /// and goes on to take the name. What it takes after we had given it back would be nowhere.
    private static let briefUse = Duration.seconds(1)

    /// Nothing asks the clients when an image goes to the trash. One that opened it after we had looked, and stays, gets it back.
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
            problem.detail += "; it was in the trash by then, and could not be taken out again"
            problem.offer(.restore(place.image(entry.id)))
        }
        throw problem
    }

    // MARK: What is half-made

    /// Deletes what is left under a name that leads to no whole image. Nothing that could be brought back is destroyed.
    /// - Parameter missing: why there is no whole image.
    /// - Returns: nil where the image is there.
    private func clear(
        _ name: String,
        in place: Place,
        keptFor delay: Duration?,
        _ missing: CephError
    ) async throws -> Outcome? {
        let pool = try images.pool(place)
        return try await images.holding(name, in: place, for: .deleteImage, .moveToTrash) { standing in
            guard standing.state != .strayNameObject else {
                // Nobody has the name, whether or not what is left of it may be removed yet.
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

    /// An image whose move to the trash was interrupted is kept for as long as that one said, or this one, whichever is later.
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

    /// What deleting it would do, and where it would be refused, what is to be done first.
    func plan(_ name: String, in place: Place, keptFor delay: Duration?) async throws -> Plan {
        do {
            return try await plan(try await images.pool(place).image(named: name), in: place, keptFor: delay)
        } catch let error as CephError where error.code == .imageNotFound || error.code == .imageIncomplete {
            return try await planToClear(name, in: place, error)
        }
    }

    func plan(_ image: ImageInfo, in place: Place, keptFor delay: Duration?) async throws -> Plan {
        let (pool, name) = (try images.pool(place), image.name)
        let use = try await use(of: image, in: pool)
        // What can't be opened, since its parent is gone, goes to the trash all the same.
        let snapshots = use.snapshots.isEmpty ? [] : (try? await pool.snapshots(ofImage: name)) ?? []
        let clones = snapshots.isEmpty ? [] : (try? await pool.clones(ofImage: name)) ?? []
        let blockers = Problem(use, clones: clones, of: place.image(name))?.blockers ?? []
        if image.parent != nil, blockers.isEmpty { try await repair.requireAttachable(image, in: pool) }
        guard !image.id.isEmpty || delay == nil else { throw Self.cannotBeTrashed(place.image(name)) }
        let cloned = await CloneSnapshots(of: clones, images)
        var steps = DeletionSteps(use, snapshots, clones, cloned, of: place.image(name)).steps
        let spec = "\(place.image(name))"
        // What can't be opened can't be asked.
        if !image.isBeingRemoved, !steps.contains(where: { $0.action == "end-mirroring" }),
            let mirroring = try? await pool.details(.mirroring, ofImage: name, id: image.id).mirroring
        {
            guard mirroring.isPrimary else {
                throw Ceph.ImageMirroring.refusal(.moveToTrash, on: .image(place.image(name)))
            }
            steps.append(DeletionSteps.step(endingMirroringOf: spec))
        }
        if image.isBeingRemoved {
            steps.append(
                Plan.Step("purge-image", spec, detail: "its removal has begun: the rest of its data is removed")
            )
        } else if let delay {
            let detail = "it can be restored for \(DurationText.text(of: delay))"
            steps.append(Plan.Step("move-to-trash", spec, detail: detail))
        } else {
            steps.append(Plan.Step("purge-image", spec, detail: "its data is removed for ever"))
        }
        return Plan(allowed: blockers.isEmpty, steps: steps, blockers: blockers)
    }

    private func planToClear(_ name: String, in place: Place, _ missing: CephError) async throws -> Plan {
        let pool = try images.pool(place)
        let standing = try await pool.standing(of: RawName(name))
        let spec = "\(place.image(name))"
        switch standing.state {
        case .withoutHeader:
            try await repair.requireRemnant(standing, in: pool)
            return Plan(steps: [Plan.Step("clear-remnant", spec, detail: "an interrupted create left the name")])
        case .halfTrashed:
            try await repair.requireRemnant(standing, in: pool)
            let detail = "it is in the trash already, and loses its name"
            return Plan(steps: [Plan.Step("move-to-trash", spec, detail: detail)])
        case .beingRemoved:
            try await repair.requireRemnant(standing, in: pool)
            let detail = "its removal has begun: the rest of its data is removed"
            return Plan(steps: [Plan.Step("purge-image", spec, detail: detail)])
        case .free:
            guard try await !pool.interruptedRemovals(ofImage: name).isEmpty else { throw missing }
            let detail = "its removal has begun: the rest of its data is removed"
            return Plan(steps: [Plan.Step("purge-image", spec, detail: detail)])
        case .strayNameObject, .contradictory, .whole, .withoutNameObject: throw missing
        }
    }
}
