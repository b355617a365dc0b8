// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

import Ceph
import Naming
import RBDAPI

/// Cleans up after the holder of a claim that died, or whose change failed. Only the holder could change what is
/// claimed, and that stays so until the claim is released. So any incomplete image is the holder's.
struct ImageSettlement: Sendable {
    let store: OperationStore

    /// - Parameter place: the pool of the claim.
    /// - Throws: `CephError` if it must be tried again.
    @Sendable func settle(_ claim: ClaimRecord, in place: Ceph.Pool) async throws {
        if claim.isTakenOver == true, let id = claim.operation, claim.keys.contains(ClaimSubject.operation(id).key) {
            try await store.noteDeath(of: id, claim.token, in: Records(of: place))
        }
        let pool = place.cluster.pool(place.name, namespace: claim.namespace)
        var isImage = false
        for name in claim.names {
            do {
                if try await settle(name, claim, in: pool) { isImage = true }
            } catch let error as CephError where error.code == .imageChanged || error.code == .namespaceNotFound {
                // Another program changed the image in between. The next request for the name repairs it.
            }
        }
        if claim.mayHaveMadeAnImage, !isImage {
            try await HeaderSweep.request(idPrefix: claim.idPrefix, in: pool)
        }
        for id in claim.imageIDs {
            let trace = try await pool.trace(ofImageID: id)
            if trace.hasHeader, claim.purpose.changesSnapshots { try await settleSnapshots(of: trace, in: pool) }
            guard let entry = trace.trash, trace.directoryName == nil else { continue }
            do {
                _ = try await pool.settleInTrash(entry)
            } catch let error as CephError where error.code == .imageChanged {
                continue
            }
        }
    }

    /// - Returns: whether the name has an image.
    private func settle(_ name: RawName, _ claim: ClaimRecord, in pool: Ceph.Pool) async throws -> Bool {
        let standing = try await pool.standing(of: name)
        switch standing.state {
        case .free: return false
        case .contradictory: break
        case .whole: try await complete(name, claim, in: pool)
        case .withoutNameObject: try await pool.makeNameObject(standing)
        case .withoutHeader:
            // Only the holder's own image: an image id begins with the number of the client that generated it.
            guard let id = standing.image?.id, id.hasPrefix(claim.idPrefix), claim.purpose.makesImages else { break }
            try await pool.freeName(standing)
            return false
        case .halfTrashed:
            if standing.image?.trash?.state == .restoring {
                try await pool.finishRestore(standing)
            } else {
                _ = try await pool.finishMove(standing)
            }
        case .beingRemoved: break
        case .strayNameObject:
            try await pool.removeStrayNameObject(standing)
            return false
        }
        return true
    }

    /// Finishes snapshots: removes those whose removal has begun, and has missing object maps rebuilt.
    private func settleSnapshots(of trace: ImageStanding.Trace, in pool: Ceph.Pool) async throws {
        do {
            try await pool.removeAbandonedSnapshots(ofImageID: trace.id)
            guard let name = trace.directoryName, try await pool.lacksSnapshotMaps(ofImageID: trace.id) else { return }
            let spec = ImageSpec(pool: pool.name, namespace: pool.namespace, image: name.text)
            _ = try await store.create(RebuildObjectMap(), on: spec, imageID: trace.id)
        } catch is Problem {
            // Another operation on the image is not finished. A snapshot without its object map is complete, only
            // slower.
        } catch let error as CephError where !error.code.isOfTheWholePool {
            // Deleting the image removes them later, and reports what prevents it.
        }
    }

    /// Makes the last steps of creating an image.
    private func complete(_ name: RawName, _ claim: ClaimRecord, in pool: Ceph.Pool) async throws {
        guard claim.purpose.makesImages else { return }
        let image: ImageInfo
        do {
            image = try await pool.image(named: name.text)
        } catch let error as CephError where error.code == .imageNotFound || error.code == .imageUnreadable {
            return
        }
        guard TemporaryClone.isName(name.text) else {
            if image.id.hasPrefix(claim.idPrefix) { try await pool.completeObjectMap(of: image) }
            return
        }
        // Only this service uses such names, and the process that would have renamed the clone is gone.
        try await TemporaryClone.discard(name, id: image.id, in: pool, store)
    }
}

extension ClaimPurpose {
    var makesImages: Bool { self == .createImage || self == .cloneImage }
    var changesSnapshots: Bool { self == .changeImage || self == .changeGroup || self == .operation }
}

extension ClaimRecord {
    /// Whether the holder may have made a call that creates an image: librbd removes the name again if that call times
    /// out. The only operation that claims names is a copy.
    fileprivate var mayHaveMadeAnImage: Bool { purpose.makesImages || purpose == .operation && !names.isEmpty }
}
