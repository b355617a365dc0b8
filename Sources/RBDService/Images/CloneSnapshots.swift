// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

import Ceph
import Naming
import RBDAPI

/// What prevents a snapshot from losing its clones. Clones without `deep-flatten` still need the parent after a
/// flatten, for as long as they have snapshots. Clones with their own encryption key can't be flattened by this
/// service.
struct CloneSnapshots {
    /// The snapshots of the clones without `deep-flatten`, by the clone's id.
    private let snapshots: [String: [SnapshotInfo]]
    /// The ids of the clones with their own encryption key.
    private let encrypted: Set<String>

    /// Only this many clones are inspected. Nobody takes the steps for more clones by hand.
    private static let limit = 100

    /// Inspects the clones. Clones that can't be read are left out. The steps are only advice: a step that does not
    /// help is refused when it is taken.
    init(of clones: [ImageClone], _ images: ImageAccess) async {
        var found: [String: [SnapshotInfo]] = [:]
        var encrypted: Set<String> = []
        for clone in clones.prefix(Self.limit) where !clone.isInTrash && !clone.image.isEmpty {
            let place = Place(pool: clone.pool, namespace: clone.namespace)
            guard let pool = try? images.pool(place) else { continue }
            if (try? await pool.isEncryptedClone(imageID: clone.imageID)) == true { encrypted.insert(clone.imageID) }
            guard let info = try? await pool.image(named: clone.image), info.snapshotCount > 0,
                !info.features.contains(.deepFlatten)
            else { continue }
            found[clone.imageID] = try? await pool.snapshots(ofImage: clone.image)
        }
        snapshots = found
        self.encrypted = encrypted
    }

    /// The steps after which the parent snapshot no longer has this clone.
    func steps(freeing clone: ImageClone) -> [Plan.Step] {
        let spec = ImageSpec(pool: clone.pool, namespace: clone.namespace, image: clone.image)
        let own = (snapshots[clone.imageID] ?? []).flatMap { DeletionSteps.steps(for: $0, of: spec) }
        return own.map { step in
            var step = step
            let reason = "\(spec) has no deep-flatten, so this snapshot needs the parent"
            step.detail = step.detail.map { "\($0); \(reason)" } ?? reason
            return step
        } + [DeletionSteps.step(freeing: ImageChild(clone), isEncrypted: encrypted.contains(clone.imageID))]
    }
}
