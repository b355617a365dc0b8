// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

import Ceph
import Naming
import RBDAPI

/// What stands in the way of freeing a snapshot of its clones: snapshots of clones that need the parent even after
/// their clone is flattened, those of images without `deep-flatten`; and clones with a key of their own, which can't be
/// flattened here.
struct CloneSnapshots {
    /// By the clone's id.
    private let snapshots: [String: [SnapshotInfo]]
    /// Their ids.
    private let encrypted: Set<String>

    /// With so many clones nobody takes the steps by hand.
    private static let limit = 100

    /// Looks at the clones. What can't be read is left out: the steps are advice, and each is refused where it does not
    /// help.
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

    /// How the snapshot that a clone was made from is freed of it.
    func steps(freeing clone: ImageClone) -> [Plan.Step] {
        let spec = ImageSpec(pool: clone.pool, namespace: clone.namespace, image: clone.image)
        let own = (snapshots[clone.imageID] ?? []).flatMap { DeletionSteps.steps(for: $0, of: spec) }
        return own.map { step in
            var step = step
            step.detail = "\(step.detail ?? ""); \(spec) has no deep-flatten, so that it needs the parent"
            return step
        } + [DeletionSteps.step(freeing: ImageChild(clone), isEncrypted: encrypted.contains(clone.imageID))]
    }
}
