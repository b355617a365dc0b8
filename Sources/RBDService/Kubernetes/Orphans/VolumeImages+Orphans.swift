// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

import Ceph
import FoundationEssentials
import Naming
import RBDAPI

/// The images of marks.
extension VolumeImages {
    /// The pools that may hold images of volumes.
    /// - Throws: `CephError`.
    func pools() async throws -> [String] {
        if let pools = rules.pools { return pools.sorted() }
        return try await access.connection.cluster().knownPools().sorted()
    }

    /// The marks of all images of a pool.
    func marks(in pool: String) async throws -> [StoredMark] {
        do {
            return try await ReviewMarks(access.pool(Place(pool: pool))).all()
        } catch let error as CephError where error.code == .poolNotFound || error.code == .credentialsRefused {
            // No review has made an image there. The setting may name pools that do not exist yet, or all pools.
            return []
        }
    }

    /// Removes marks that nobody has changed meanwhile.
    func forget(_ marks: [StoredMark], in pool: String) async throws {
        try await ReviewMarks(access.pool(Place(pool: pool))).remove(all: marks)
    }

    /// - Throws: `Problem` with `change-in-progress` while another replica moves the image to the trash.
    func takeBack(_ stored: StoredMark) async throws {
        try await access.takeBack(stored)
    }

    // MARK: Looking

    /// What a look at the image with a mark finds. Nothing is changed, and the image is not locked or watched.
    func fact(of mark: ReviewMark, in place: Place) async throws -> OrphanFact {
        let image: ImageInfo
        do {
            guard let found = try await access.existing(mark.image, in: place) else { return .none }
            image = found
        } catch let error as CephError where error.code == .imageIncomplete {
            return .incomplete
        }
        return try await fact(of: image, mark, in: place)
    }

    private func fact(of image: ImageInfo, _ mark: ReviewMark, in place: Place) async throws -> OrphanFact {
        let pool = try access.pool(place)
        // Reviews make no images of the old format.
        guard !image.isBeingRemoved, !image.id.isEmpty, mark.made.map({ $0.id == image.id }) ?? true else {
            return .none
        }
        let versions = try await pool.versions(ofImage: image.fullName, id: image.id)
        if let made = mark.made, let versions, made.versions.name != versions.name { return .none }
        guard try await AdoptionStore(pool).adoption(ofImageID: image.id) == nil else { return .none }
        var found = OrphanImage(
            sizeBytes: image.sizeBytes,
            versions: versions,
            hasParent: image.parent != nil || image.snapshotsParent != nil,
            uses: OrphanPlanner.uses(try await pool.use(ofImageID: image.id))
        )
        guard OrphanPlanner.needsData(found, mark) else { return .there(found) }
        let usage = try await pool.details(.usage, ofImage: image.name, id: image.id).usage
        found.data = usage?.usedBytes.map { .bytes($0) } ?? .unknown
        return .there(found)
    }

    // MARK: Moving

    /// Moves an image without a volume to the trash. All of it is looked at again while the image is claimed, and no
    /// review can take it for the image of its volume.
    /// - Parameters:
    ///   - situation: what is known without the image.
    ///   - age: how old the image must be, by the cluster's clock.
    ///   - requireNoVolume: called right before the move. It throws if there is a volume for the image, or may be.
    /// - Returns: the entry in the trash.
    /// - Throws: `CephError` with `.imageChanged` if something has changed; what `requireNoVolume` throws.
    func moveToTrash(
        _ stored: StoredMark,
        _ situation: OrphanSituation,
        olderThan age: Duration,
        requireNoVolume: () async throws -> Void
    ) async throws -> RBDAPI.TrashedImage? {
        let (mark, place) = (situation.mark, stored.place)
        let spec = place.image(mark.image)
        defer { known.forget(spec) }
        let changed = CephError(.imageChanged, .moveToTrash, on: .image(spec))
        let outcome = try await audit.recording(
            .delete,
            spec,
            volume: mark.volume,
            reason: "the volume does not exist",
            logger: logger
        ) {
            try await access.changing(mark.image, in: place, for: .deleteImage, .moveToTrash, isQuiet: true) {
                (image: ImageInfo) async throws -> Attempt<ImageDeletion.Outcome> in
                let marks = ReviewMarks(try access.pool(place))
                var leaving = mark
                leaving.isLeaving = true
                // From now on, reviews wait for the claim.
                guard let marked = try await marks.save(leaving, replacing: stored) else { throw changed }
                do {
                    let fact = try await fact(of: image, mark, in: place)
                    guard OrphanPlanner.finding(situation, fact) == .unused,
                        try await isOld(image, age, in: place)
                    else { throw changed }
                    try await requireNoVolume()
                } catch {
                    // If this fails, the next review or the next search takes it back.
                    _ = try? await marks.save(mark, replacing: marked)
                    throw error
                }
                let moved = try await volumes.images.deletion.delete(
                    image,
                    in: place,
                    keptFor: trashDelay,
                    isDryRun: false
                )
                // If this fails, later searches take the mark back, find no image with the name, and remove the mark.
                _ = try? await marks.remove(marked)
                return moved
            }
        }
        guard case .done(.trashed(let entry)) = outcome else { return nil }
        return entry
    }

    /// Whether an image is older than an age. Both times are those of OSDs.
    private func isOld(_ image: ImageInfo, _ age: Duration, in place: Place) async throws -> Bool {
        guard let created = image.createdAt else { return false }
        let now = try await Records(of: access.pool(place)).now().date
        return now.timeIntervalSince(created) >= age / .seconds(1)
    }
}
