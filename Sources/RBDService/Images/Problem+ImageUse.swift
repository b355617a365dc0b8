// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

import Ceph
import FoundationEssentials
import Naming
import RBDAPI

extension Problem {
    /// How a clone is flattened that was encrypted with a key of its own.
    static func flatteningWithPassphrases(_ spec: String) -> String {
        "rbd flatten \(spec) with an --encryption-passphrase-file for the clone, and one for each of its encrypted parents"
    }

    /// Why an image must not be deleted, with all that stands in the way; nil where nothing does. The code is that of what
    /// has to go first: clients, then locks, snapshots, the group, the migration.
    /// - Parameter clones: those of the snapshots, where they are known.
    init?(_ use: ImageUse, clones: [ImageClone] = [], of spec: ImageSpec) {
        let blockers =
            use.watchers.map { Blocker(.watcher, client: $0.client, address: $0.address) }
            + use.locks.map { Blocker(.lock, name: $0.cookie, client: $0.client, address: $0.address) }
            + use.snapshots.map { Blocker(.snapshot, name: $0.name, since: $0.createdAt?.formatted(.iso8601)) }
            + clones.map { Blocker(.clone, name: ImageChild($0).spec) }
            + (use.group.map { [Blocker(.group, name: Self.spec(of: $0, with: spec))] } ?? [])
            + (use.isMigrating ? [Blocker(.migration)] : [])
        guard let first = blockers.first else { return nil }
        let (code, reason, hint, remedy): (ProblemCode, String, String?, Remedy?) =
            switch first.kind {
            case .watcher:
                (
                    .imageInUse, "is open at \(Self.count(use.watchers, "client"))",
                    nil, .endClients(of: spec)
                )
            case .lock:
                (
                    .imageInUse, "has \(Self.count(use.locks, "lock"))",
                    nil, .breakLock(on: spec, of: first.client ?? "")
                )
            case .snapshot:
                (
                    .imageHasSnapshots, "has \(Self.count(use.snapshots, "snapshot"))",
                    nil, .explain(spec)
                )
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
            // An image's own clones are those of its snapshots.
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

    /// A group as `rbd` writes it. It is in the namespace of its images.
    static func spec(of group: ImageUse.Group, with image: ImageSpec) -> String {
        ImageSpec(pool: group.pool, namespace: image.namespace, image: group.name).description
    }

    /// Why an image must not be changed: only clients and locks stand in the way of that.
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
