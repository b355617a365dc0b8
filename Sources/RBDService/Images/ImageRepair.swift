// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

import Ceph
import RBDAPI

/// Clears up what an interrupted create or delete has left, when somebody asks for the image the next time.
struct ImageRepair: Sendable {
    let remnants: Remnants

    /// Finds out what stands behind a name that librbd says is taken.
    /// - Returns: the image, whole; nil where the name is free now.
    /// - Throws: `Problem` with `image-incomplete` where it may still be in the making.
    func settle(_ name: String, in pool: Ceph.Pool) async throws -> ImageInfo? {
        // Another process may be in the middle of it, which takes milliseconds.
        var attemptsLeft = 10
        var isBeingRemoved = false
        while true {
            do {
                let image = try await pool.image(named: name)
                isBeingRemoved = image.isBeingRemoved
                if !isBeingRemoved {
                    remnants.forget(pool.resource(ofImage: name))
                    try await pool.completeObjectMap(of: image)
                    return image
                }
            } catch let error as CephError where error.code == .imageNotFound {
                isBeingRemoved = false
            }
            attemptsLeft -= 1
            guard attemptsLeft > 0 else { break }
            try await Task.sleep(for: .milliseconds(100))
        }
        if try await clearRemnant(of: name, in: pool) { return nil }
        // librbd removes by name: without a sign of a removal it might hit an image that was made in this moment.
        if !isBeingRemoved { isBeingRemoved = try await pool.hasInterruptedRemoval(ofImage: name) }
        guard isBeingRemoved else { return nil }
        do {
            try await resumeRemoval(of: name, in: pool)
        } catch let error as CephError where error.code == .imageNotFound {
            // It went away by itself.
        }
        return nil
    }

    /// Frees a name that an interrupted create has taken.
    /// - Returns: whether there was one to be freed.
    /// - Throws: `Problem` with `image-incomplete` where the create may still be on its way.
    func clearRemnant(of name: String, in pool: Ceph.Pool) async throws -> Bool {
        let resource = pool.resource(ofImage: name)
        guard let remnant = try await pool.remnant(ofImage: name) else {
            remnants.forget(resource)
            return false
        }
        guard remnants.isStale(remnant, of: resource) else { throw Self.incomplete(resource) }
        try await pool.clear(remnant)
        remnants.forget(resource)
        return true
    }

    /// Makes a clone known to its parent where its making was interrupted before that: the next who removes the snapshot would
    /// else take the clone's data away.
    /// - Throws: `Problem` with `image-incomplete` where it may still be in the making.
    func completeClone(_ image: ImageInfo, in pool: Ceph.Pool) async throws {
        let resource = pool.resource(ofImage: image.name)
        // A key of its own: under the image's, the sighting is forgotten as soon as the image itself is found whole.
        let key = pool.resource(ofSnapshot: "", image: image.name)
        guard let clone = try await pool.unattachedClone(image) else { return remnants.forget(key) }
        guard remnants.isStale(clone.remnant, of: key) else {
            throw Problem(
                .imageIncomplete,
                detail: "\(resource) is being cloned, or that was interrupted: its parent does not know it yet",
                field: "image",
                hint: "repeat the request; what stays half-made is completed after twice the service's ceph-osd-timeout"
            )
        }
        try await pool.attach(clone)
        remnants.forget(key)
    }

    /// Takes up a removal again that was interrupted.
    /// - Throws: `Problem` with `image-incomplete` while the one who began it still counts as alive; `CephError` with
    ///   `.imageNotFound` where there is nothing of this name at all.
    func resumeRemoval(of name: String, in pool: Ceph.Pool) async throws {
        do {
            try await pool.removeImage(named: name)
        } catch let error as CephError where error.code == .imageBusy {
            throw Self.beingRemoved(pool.resource(ofImage: name), errno: error.errno)
        }
    }

    static func beingRemoved(_ image: CephError.Resource, errno: CInt?) -> Problem {
        Problem(
            .imageIncomplete,
            detail: "\(image) is being removed, or its removal was interrupted",
            field: "image",
            errno: errno,
            hint: "repeat the request; a client that died counts as alive for half a minute"
        )
    }

    /// Why librbd calls an image busy that nobody held a moment before.
    /// - Throws: `CephError`, where librbd said so only because it could not ask: the client is shut out, for example.
    func explain(_ busy: CephError, _ spec: ImageSpec, in pool: Ceph.Pool) async throws -> Problem {
        do {
            return Problem(try await pool.use(ofImage: spec.image), of: spec) ?? Problem(busy)
        } catch let error as CephError where error.code == .imageNotFound {
            return Self.beingRemoved(busy.resource, errno: busy.errno)
        }
    }

    static func incomplete(_ image: CephError.Resource) -> Problem {
        Problem(
            .imageIncomplete,
            detail: "the name of \(image) is taken, but there is no image behind it: "
                + "it is being made, or its making was interrupted",
            field: "image",
            hint: "repeat the request; what stays half-made is cleared away after twice the service's ceph-osd-timeout"
        )
    }
}
