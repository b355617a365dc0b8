// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

import Ceph
import FoundationEssentials
import Naming
import RBDAPI

extension Problem {
    /// The command that flattens a clone with its own encryption key.
    static func flatteningWithPassphrases(_ spec: String) -> String {
        "rbd flatten \(spec) with an --encryption-passphrase-file for the clone, and one for each of its encrypted parents"
    }

    /// Why an image can't be deleted, with all blockers; nil if there are none. The code is that of the blocker that
    /// must go first: clients, then locks, snapshots, the group, the migration.
    /// - Parameter clones: the clones of the snapshots, if they are known.
    init?(_ use: ImageUse, clones: [ImageClone] = [], of spec: ImageSpec) {
        let blockers =
            use.watchers.map { Blocker(.watcher, client: $0.client, address: $0.address) }
            + use.locks.map { Blocker(.lock, name: $0.cookie, client: $0.client, address: $0.address) }
            + use.snapshots.map { Blocker(.snapshot, name: $0.name, since: $0.createdAt?.formatted(.iso8601)) }
            + clones.map { Blocker(.clone, name: ImageChild($0).spec) }
            + (use.group.map { [Blocker(.group, name: Self.spec(of: $0, with: spec).description)] } ?? [])
            + (use.isMigrating ? [Blocker(.migration)] : [])
        guard let first = blockers.first else { return nil }
        let (code, reason, hint, remedy): (ProblemCode, String, String?, Remedy?) =
            switch first.kind {
            case .watcher:
                (.imageInUse, "is open at \(Self.count(use.watchers, "client"))", nil, .endClients(of: spec))
            case .lock:
                (.imageInUse, "has \(Self.count(use.locks, "lock"))", nil, .breakLock(on: spec, of: first.client ?? ""))
            case .snapshot:
                (.imageHasSnapshots, "has \(Self.count(use.snapshots, "snapshot"))", nil, .explain(spec))
            case .group:
                (
                    .imageInGroup, "belongs to the group \(first.name ?? "")",
                    nil, .remove(spec, fromGroup: first.name ?? "")
                )
            case .migration:
                (
                    .imageMigrating, "is being migrated",
                    "end the migration: rbd migration commit or rbd migration abort", nil
                )
            // An image with clones has snapshots, so this is never the first blocker.
            case .clone: (.snapshotHasClones, "has clones", "flatten or delete the clones first", nil)
            }
        self.init(
            code,
            detail: "image \"\(spec)\" \(reason)",
            hint: hint,
            remedy: remedy,
            blockers: blockers
        )
    }

    /// A group in the notation of `rbd`. It is in the namespace of its images.
    static func spec(of group: ImageUse.Group, with image: ImageSpec) -> ImageSpec {
        ImageSpec(pool: group.pool, namespace: image.namespace, image: group.name)
    }

    /// Why an image can't be changed. Only clients and locks prevent that.
    init?(changing spec: ImageSpec, _ use: ImageUse) {
        var use = use
        use.snapshots = []
        use.group = nil
        use.isMigrating = false
        self.init(use, of: spec)
    }

    static func count(_ items: [some Any], _ noun: String) -> String {
        "\(items.count) \(noun)\(items.count == 1 ? "" : "s")"
    }
}

/// Images that are incomplete, because creating or removing them was interrupted.
extension Problem {
    static func beingRemoved(_ image: CephError.Resource, errno: CInt?) -> Problem {
        let remedy: Remedy? = if case .image(let spec) = image { .delete(spec) } else { nil }
        return Problem(
            .imageIncomplete,
            detail: "\(image) is being removed, or its removal was interrupted",
            field: "image",
            errno: errno,
            hint: "delete it to remove the rest",
            remedy: remedy
        )
    }

    static func incomplete(_ image: CephError.Resource) -> Problem {
        Problem(
            .imageIncomplete,
            detail: "the name of \(image) is taken, but leads to no complete image: "
                + "another program is creating or removing it, or was interrupted",
            field: "image",
            hint: "try again; incomplete images are repaired after twice the service's ceph-osd-timeout"
        )
    }
}
