// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

import Ceph
import Naming
import RBDAPI

/// Mends what was left half-made under a name, when somebody asks for the name the next time. What is mended is claimed, so that no
/// replica is at it; a program that knows no claims is given time first. `docs/decisions.md` has a table of all that there is.
struct ImageRepair: Sendable {
    let remnants: Remnants
    let search: RemainsSearch
    let operations: OperationService

    /// What came of it.
    enum Outcome {
        /// There was nothing to be mended.
        case whole
        /// The image is there, under its name.
        case completed
        /// The name is free now: nothing was behind it.
        case freed
        /// The name is free now, and the image is in the trash.
        case trashed(TrashEntry, id: String)
        /// The name is free now, and the rest of the image is being removed.
        case removing(RBDAPI.Operation)
    }

    /// Mends a name. The name is claimed, and the images that it leads to.
    /// - Parameter isDeletion: whether an image that is half in the trash is to be in there, however far it was on its way out.
    /// - Throws: `Problem` with `image-incomplete` where somebody may be in the middle of it, with `image-unreadable` where the image has
    ///   lost its header.
    func mend(_ standing: ImageStanding, in pool: Ceph.Pool, isDeletion: Bool = false) async throws -> Outcome {
        let resource = pool.resource(ofImage: standing.name.text)
        switch standing.state {
        case .free, .whole, .contradictory:
            remnants.forget(resource)
            return .whole
        case .withoutNameObject:
            // Takes nothing from anybody.
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

    /// Whether what is half-made may be mended: nobody has gone on with it for a while, and an image without a header has no data. One that
    /// has lost its header has its data still, and its name leads whoever is to rescue it there.
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

    /// Goes on with a removal that was interrupted.
    func resumeRemoval(of entry: TrashEntry, in pool: Ceph.Pool) async throws -> RBDAPI.Operation {
        let spec = ImageSpec(pool: pool.name, namespace: pool.namespace, image: entry.name)
        return try await operations.start(.purgeImage, on: spec, imageID: entry.id, parameters: .init(force: true))
    }

    /// Makes a clone known to its parent where its making was interrupted before that: the next who removes the snapshot would
    /// else take the clone's data away. The clone is claimed.
    /// - Throws: `Problem` with `image-incomplete` where it may still be in the making.
    func completeClone(_ image: ImageInfo, in pool: Ceph.Pool) async throws {
        if let clone = try await requireAttachable(image, in: pool) { try await pool.attach(clone) }
        remnants.forget(Self.key(ofClone: image, in: pool))
    }

    /// A key of its own: under the image's, the sighting is forgotten as soon as the image itself is found whole.
    private static func key(ofClone image: ImageInfo, in pool: Ceph.Pool) -> CephError.Resource {
        pool.resource(ofSnapshot: "", image: image.name)
    }

    /// - Returns: what is to be attached; nil where its parent knows it.
    /// - Throws: `Problem` with `image-incomplete` where it may still be in the making.
    @discardableResult
    func requireAttachable(_ image: ImageInfo, in pool: Ceph.Pool) async throws -> UnattachedClone? {
        let resource = pool.resource(ofImage: image.name)
        let key = Self.key(ofClone: image, in: pool)
        guard let clone = try await pool.unattachedClone(image) else { return nil }
        guard remnants.isStale(.clone(clone), of: key) else {
            throw Problem(
                .imageIncomplete,
                detail: "\(resource) is being cloned, or that was interrupted: its parent does not know it yet",
                field: "image",
                hint: "try again; incomplete clones are completed after twice the service's ceph-osd-timeout"
            )
        }
        return clone
    }
}
