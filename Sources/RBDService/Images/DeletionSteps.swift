// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

import Ceph
import Naming
import RBDAPI

/// The steps after which an image can be deleted, in an order that works.
struct DeletionSteps {
    let steps: [Plan.Step]

    /// - Parameter cloned: the snapshots of the clones.
    init(
        _ use: ImageUse,
        _ snapshots: [SnapshotInfo],
        _ clones: [ImageClone],
        _ cloned: CloneSnapshots,
        of spec: ImageSpec
    ) {
        var steps: [Plan.Step] = []
        for watcher in use.watchers {
            let detail = "at \(watcher.address); unmap the image there, or evict the client"
            steps.append(Plan.Step(.endClient, watcher.client, detail: detail))
        }
        for lock in use.locks {
            let detail = "\"\(lock.cookie)\" of \(lock.client); release it there, or break it"
            steps.append(Plan.Step(.removeLock, "\(spec)", detail: detail))
        }
        if use.isMigrating {
            steps.append(Plan.Step(.endMigration, "\(spec)", detail: "commit it or abort it"))
        }
        if use.abandonedSnapshotCount > 0 {
            let detail = "removed snapshots that no clone needs: \(use.abandonedSnapshotCount)"
            steps.append(Plan.Step(.clearRemnant, "\(spec)", detail: detail))
        }
        for snapshot in snapshots {
            let own = clones.filter { $0.snapshot == snapshot.name }
            steps += own.flatMap(cloned.steps) + Self.steps(for: snapshot, of: spec)
        }
        if let group = use.group {
            let name = Problem.spec(of: group, with: spec)
            let detail = Access.current.may(.read, name) ? "from \(name)" : "the group is out of scope"
            steps.append(Plan.Step(.removeImageFromGroup, "\(spec)", detail: detail))
        }
        // One step removes all mirror snapshots.
        var seen: Set<Plan.Step> = []
        self.steps = steps.filter { seen.insert($0).inserted }
    }

    /// The step after which a clone no longer needs the snapshot that it was cloned from.
    /// - Parameter isEncrypted: whether the clone has its own encryption key.
    static func step(freeing clone: ImageChild, isEncrypted: Bool = false) -> Plan.Step {
        if clone.inTrash {
            let entry = Place(pool: clone.pool, namespace: clone.namespace).image(clone.imageID)
            return Plan.Step(.purgeImage, clone.spec, detail: "it is trash entry \(entry); it need not have expired")
        }
        if isEncrypted {
            return Plan.Step(.flattenClone, clone.spec, detail: Problem.flatteningWithPassphrases(clone.spec))
        }
        let unknown = "its name can't be read: the pool is gone, or the service may not read it"
        return Plan.Step(.flattenClone, clone.spec, detail: clone.image.isEmpty ? unknown : nil)
    }

    /// Mirroring of an image ends when the image goes to the trash. Restoring the image does not enable it again.
    static func step(endingMirroringOf spec: String) -> Plan.Step {
        Plan.Step(.endMirroring, spec, detail: "mirroring of it ends; restoring the image does not enable mirroring")
    }

    /// The steps that remove a snapshot without clones.
    static func steps(for snapshot: SnapshotInfo, of spec: ImageSpec) -> [Plan.Step] {
        let name = SnapshotSpec(image: spec, snapshot: snapshot.name).description
        switch snapshot.kind {
        case .user:
            let delete = Plan.Step(.deleteSnapshot, name)
            return snapshot.isProtected ? [Plan.Step(.unprotectSnapshot, name), delete] : [delete]
        case .group: return [Plan.Step(.deleteGroupSnapshot, snapshot.origin ?? name)]
        // Ceph removes it with the last of its clones.
        case .trash: return []
        case .mirror:
            let detail = "rbd mirror image disable \(spec) removes the mirror snapshots"
            return [Plan.Step(.endMirroring, "\(spec)", detail: detail)]
        case .unknown:
            return [Plan.Step(.deleteSnapshot, name, detail: "a newer Ceph made it: delete it with that")]
        }
    }
}
