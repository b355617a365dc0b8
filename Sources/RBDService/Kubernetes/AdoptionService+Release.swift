// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

import Ceph
import Naming
import RBDAPI

extension AdoptionService {
    /// Takes an adoption back: removes what it has written into the journal. The image stays as it is.
    /// - Throws: `Problem` with `volume-not-found`, `volume-not-adopted`, `volume-has-dependents`.
    func release(_ spec: ImageSpec, isDryRun: Bool) async throws -> Attempt<Void> {
        guard !isDryRun else { return try await release(spec, in: images.pool(spec.place), isDryRun: true) }
        // The image may be gone, but its entries are not.
        return try await images.holding(spec.image, in: spec.place, for: .changeImage, .changeImage) { _ in
            try await release(spec, in: images.pool(spec.place), isDryRun: false)
        }
    }

    private func release(_ spec: ImageSpec, in pool: Ceph.Pool, isDryRun: Bool) async throws -> Attempt<Void> {
        let stored = try await adoption(of: spec, in: pool)
        let entries = try await entries(of: stored.adoption, spec, in: pool)
        let step = Plan.Step(
            .releaseImage,
            spec.description,
            detail: "from the claim \(stored.adoption.claim); the image stays"
        )
        let dependents = try await dependents(of: stored.adoption, in: pool)
        if isDryRun {
            return .planned(Plan(allowed: dependents.isEmpty, steps: [step], blockers: dependents))
        }
        guard dependents.isEmpty else { throw Problem.hasDependents(spec, dependents) }
        let begun = try await begin(stored, in: pool)
        try await remove(entries, of: begun.adoption, spec, in: pool)
        try await AdoptionStore(pool).remove(begun)
        return .done(())
    }

    /// Records that the entries are no longer complete. If the release is interrupted, nobody takes the rest for a
    /// volume, and a repeated request continues.
    private func begin(_ stored: StoredAdoption, in pool: Ceph.Pool) async throws -> StoredAdoption {
        guard stored.adoption.isComplete else { return stored }
        var adoption = stored.adoption
        adoption.isComplete = false
        return try await AdoptionStore(pool).save(adoption, replacing: stored)
    }

    /// The adoption of an image, or of a former image of this name.
    /// - Throws: `Problem` with `volume-owned` if the former image has another name now: the caller names another
    ///   image.
    private func adoption(of spec: ImageSpec, in pool: Ceph.Pool) async throws -> StoredAdoption {
        let store = AdoptionStore(pool)
        func former() async throws -> StoredAdoption? {
            guard let stored = try await store.adoption(ofImageNamed: spec.image) else { return nil }
            try await requireGone(stored.adoption, for: spec, in: pool)
            return stored
        }
        let image: ImageInfo
        do {
            image = try await pool.image(named: spec.image)
        } catch let error as CephError where error.code == .imageNotFound {
            guard let stored = try await former() else { throw error }
            return stored
        }
        if let stored = try await store.adoption(ofImageID: image.id) { return stored }
        if let stored = try await former() { return stored }
        let owner = try await JournalSearch(pool, instance: VolumeJournal.usualInstance).owner(of: image)
        guard let owner, owner.kind == .volumes, owner.role == .image else { throw Problem.notAVolume(spec) }
        throw Problem.notAdopted(spec, "the service has not adopted it: ceph-csi has made the volume")
    }

    /// What is left of an adoption in the journal.
    private struct Entries: Sendable {
        var entry: VolumeJournal.Reading?
        var isListed = false
    }

    /// Finds the entries of an adoption, and proves that they are its own.
    /// - Throws: `Problem` with `volume-not-adopted` if somebody else has changed them.
    private func entries(of adoption: Adoption, _ spec: ImageSpec, in pool: Ceph.Pool) async throws -> Entries {
        guard let uuid = adoption.uuid else { return Entries() }
        let journal = VolumeJournal(pool, instance: adoption.instance)
        var entries = Entries()
        if let found = try await journal.entry(.volumes, uuid: uuid) {
            let object = JournalKind.volumes.object(of: uuid)
            guard adoption.hasWritten(found.entry) else {
                throw Problem.notAdopted(spec, "\(object) is not what the adoption has written")
            }
            guard found.entry.otherKeys.isEmpty else {
                let keys = found.entry.otherKeys.sorted().joined(separator: ", ")
                throw Problem.notAdopted(spec, "ceph-csi has added \(keys) to \(object)")
            }
            entries.entry = found
        }
        // Entries that are gone are no obstacle: an earlier release may have been interrupted.
        let listed = try await journal.value(ofRequest: adoption.requestName)
        entries.isListed = listed == uuid
        return entries
    }

    /// The snapshots and clones that ceph-csi could no longer relate to the volume.
    private func dependents(of adoption: Adoption, in pool: Ceph.Pool) async throws -> [Problem.Blocker] {
        guard adoption.uuid != nil else { return [] }
        var clones: [ImageClone] = []
        do {
            // The image may have been renamed since.
            let image = try await pool.image(id: adoption.imageID)
            clones = try await pool.clones(ofImage: image.name)
        } catch let error as CephError where error.code == .imageNotFound {
            // An image that is gone has no clones.
        }
        return try await JournalSearch(pool, instance: adoption.instance)
            .dependents(ofImage: adoption.imageName, clones: clones)
    }

    /// Removes the entries in the reverse order. Each is removed only as it was read, so that no change of ceph-csi is
    /// lost.
    /// - Throws: `CephError` with `.imageChanged` if ceph-csi has changed the entry meanwhile.
    private func remove(
        _ entries: Entries,
        of adoption: Adoption,
        _ spec: ImageSpec,
        in pool: Ceph.Pool
    ) async throws {
        guard let uuid = adoption.uuid else { return }
        let journal = VolumeJournal(pool, instance: adoption.instance)
        if let entry = entries.entry, try await !journal.remove(entry, uuid: uuid) {
            throw CephError(.imageChanged, .changeRecord, on: .image(spec))
        }
        if entries.isListed { _ = try await journal.unlist(adoption.requestName, uuid: uuid) }
        if adoption.hasMadeDirectory { _ = try await journal.removeEmptyDirectory() }
    }
}
