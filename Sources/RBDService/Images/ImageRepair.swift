// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

import Ceph
import Naming
import RBDAPI

/// Repairs images that were left incomplete, when a request uses their name the next time. The image is claimed, so no
/// other replica works on it. Programs that know no claims get time to finish first. `docs/decisions.md` has a table of
/// all cases.
struct ImageRepair: Sendable {
    let remnants: Remnants
    let search: RemainsSearch
    let operations: OperationService

    /// The outcome of a repair.
    enum Outcome {
        /// There was nothing to repair.
        case whole
        /// The image was completed, and has its name.
        case completed
        /// The name is free now. It had no image.
        case freed
        /// The name is free now, and the image is in the trash.
        case trashed(TrashEntry, id: String)
        /// The name is free now, and the rest of the image is being removed.
        case removing(RBDAPI.Operation)
    }

    /// Repairs what a name leads to. The caller has claimed the name, and the images that it leads to.
    /// - Parameter isDeletion: whether an image that is only half in the trash must go there, even if it was being
    ///   restored.
    /// - Throws: `Problem` with `image-incomplete` if another program may still be working on the image, with
    ///   `image-unreadable` if the image has lost its header.
    func mend(_ standing: ImageStanding, in pool: Ceph.Pool, isDeletion: Bool = false) async throws -> Outcome {
        let resource = pool.resource(ofImage: standing.name.text)
        switch standing.state {
        case .free, .whole, .contradictory:
            remnants.forget(resource)
            return .whole
        case .withoutNameObject:
            // This is always safe: it removes nothing.
            try await pool.makeNameObject(standing)
            return .completed
        case .withoutHeader, .halfTrashed, .beingRemoved, .strayNameObject: break
        }
        try await requireRemnant(standing, in: pool)
        let outcome = try await mendStale(standing, in: pool, isDeletion)
        remnants.forget(resource)
        return outcome
    }

    private func mendStale(_ standing: ImageStanding, in pool: Ceph.Pool, _ isDeletion: Bool) async throws -> Outcome {
        switch standing.state {
        case .withoutHeader:
            try await pool.freeName(standing)
            return .freed
        case .strayNameObject:
            try await pool.removeStrayNameObject(standing)
            return .freed
        case .halfTrashed:
            if standing.image?.trash?.state == .restoring, !isDeletion {
                try await pool.finishRestore(standing)
                return .completed
            }
            guard let entry = try await pool.finishMove(standing) else { return .freed }
            return .trashed(entry, id: entry.id)
        case .beingRemoved:
            guard let entry = try await pool.finishMove(standing) else { return .freed }
            return .removing(try await resumeRemoval(of: entry, in: pool))
        case .free, .whole, .contradictory, .withoutNameObject: return .whole
        }
    }

    /// Requires that an incomplete image may be repaired: nothing has changed it for a while, and an image without a
    /// header has no data. An image that has lost its header still has its data, and its name is needed to rescue it.
    /// - Throws: `Problem` with `image-incomplete` or `image-unreadable`.
    func requireRemnant(_ standing: ImageStanding, in pool: Ceph.Pool) async throws {
        let resource = pool.resource(ofImage: standing.name.text)
        let id = standing.state == .withoutHeader ? standing.image?.id : nil
        guard remnants.isStale(.name(standing), of: resource) else {
            if let id { search.begin(ofImageID: id, in: pool) }
            throw Problem.incomplete(resource)
        }
        guard let id else { return }
        guard let objects = await search.remains(ofImageID: id, in: pool) else { throw Problem.incomplete(resource) }
        guard !objects.isEmpty else { return }
        throw Self.lostHeader(resource, id: id, objects)
    }

    static func lostHeader(_ image: CephError.Resource, id: String, _ objects: [String]) -> Problem {
        Problem(
            .imageUnreadable,
            detail: "\(image) has lost its header rbd_header.\(id), but has data: \(objects.joined(separator: ", "))",
            field: "image",
            hint:
                "the name is kept, so that the data can be rescued; rados -p \(image.pool ?? "POOL") ls lists the objects"
        )
    }

    /// Continues an interrupted removal.
    func resumeRemoval(of entry: TrashEntry, in pool: Ceph.Pool) async throws -> RBDAPI.Operation {
        let spec = ImageSpec(pool: pool.name, namespace: pool.namespace, image: entry.name)
        return try await operations.start(PurgeImage(force: true), on: spec, imageID: entry.id)
    }

    /// Registers a clone with its parent, if that was interrupted. Otherwise a client could remove the parent snapshot,
    /// and with it the clone's data. The caller has claimed the clone.
    /// - Throws: `Problem` with `image-incomplete` if the clone may still be in progress.
    func completeClone(_ image: ImageInfo, in pool: Ceph.Pool) async throws {
        if let clone = try await requireAttachable(image, in: pool) { try await pool.attach(clone) }
        remnants.forget(Self.key(ofClone: image, in: pool))
    }

    /// A separate key: a sighting under the image's key is forgotten as soon as the image is found complete.
    private static func key(ofClone image: ImageInfo, in pool: Ceph.Pool) -> CephError.Resource {
        pool.resource(ofSnapshot: "", image: image.name)
    }

    /// - Returns: the clone to register; nil if its parent knows it.
    /// - Throws: `Problem` with `image-incomplete` if the clone may still be in progress.
    @discardableResult
    func requireAttachable(_ image: ImageInfo, in pool: Ceph.Pool) async throws -> UnattachedClone? {
        let resource = pool.resource(ofImage: image.name)
        let key = Self.key(ofClone: image, in: pool)
        guard let clone = try await pool.unattachedClone(image) else { return nil }
        guard remnants.isStale(.clone(clone), of: key) else {
            throw Problem(
                .imageIncomplete,
                detail: "\(resource) is being cloned, or cloning it was interrupted: its parent does not know it yet",
                field: "image",
                hint: "try again; incomplete clones are completed after twice the service's ceph-osd-timeout"
            )
        }
        return clone
    }
}
