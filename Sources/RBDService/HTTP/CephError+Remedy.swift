// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

import Ceph
import Naming
import RBDAPI

extension CephError {
    /// What solves the problem, where clients have different words for it; see also ``hint``.
    var remedy: Remedy? {
        switch code {
        case .clusterUnreachable: cause.flatMap { CephError($0, .connect, on: .cluster).remedy }
        case .poolNotFound, .dataPoolNotFound: Remedy.listPools
        case .namespaceNotFound: resource.place.map { Remedy.createNamespace($0) }
        case .snapshotNotFound: resource.image.map { Remedy.listSnapshots(of: $0) }
        case .snapshotProtected: resource.snapshot.map { Remedy.unprotect($0) }
        case .snapshotLimitReached: resource.image.map { Remedy.raiseSnapshotLimit(of: $0) }
        case .sourceNotFound: Remedy.nameSource
        case .trashEntryNotFound: resource.place.map { Remedy.listTrash(of: $0) }
        case .trashDeferred: Remedy.confirmEarlyPurge
        case .imageBusy, .watcherNotFound: resource.image.map { Remedy.listWatchers(of: $0) }
        case .lockNotFound: resource.image.map { Remedy.listLocks(of: $0) }
        case .ownClient: Remedy.listOperations
        case .imageHasSnapshots: resource.image.map { Remedy.explain($0) }
        case .groupNotFound: resource.place.map { Remedy.listGroups(of: $0) }
        case .groupHasSnapshots, .groupSnapshotNotFound: resource.group.map { Remedy.listSnapshots(of: $0) }
        case .imageNotInGroup: resource.group.map { Remedy.listImages(of: $0) }
        case .groupSnapshotIncomplete: resource.groupSnapshot.map { Remedy.delete($0) }
        case .timedOut where isOutcomeUnknown: Remedy.checkOutcome
        case .timedOut: Remedy.checkCluster
        default: nil
        }
    }
}

extension CephError.Resource {
    /// The pool and the namespace; nil for the cluster.
    fileprivate var place: Place? {
        switch self {
        case .cluster: nil
        case .pool(let pool): Place(pool: pool)
        case .namespace(let place): place
        case .image(let spec): spec.place
        case .snapshot(let spec): spec.image.place
        case .group(let spec): spec.place
        case .groupSnapshot(let spec): spec.group.place
        }
    }

    /// The image, or the image of the snapshot.
    fileprivate var image: ImageSpec? {
        switch self {
        case .image(let spec): spec
        case .snapshot(let spec): spec.image
        default: nil
        }
    }

    fileprivate var snapshot: SnapshotSpec? {
        if case .snapshot(let spec) = self { spec } else { nil }
    }

    /// The group, or the group of the snapshot.
    fileprivate var group: GroupSpec? {
        switch self {
        case .group(let spec): spec
        case .groupSnapshot(let spec): spec.group
        default: nil
        }
    }

    fileprivate var groupSnapshot: GroupSnapshotSpec? {
        if case .groupSnapshot(let spec) = self { spec } else { nil }
    }
}
