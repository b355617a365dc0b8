// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

import Ceph
import Naming
import RBDAPI

extension CephError {
    /// What an error means for the caller.
    struct Meaning {
        var code: ProblemCode
        /// The request's field that caused the error; nil if there is none.
        var field: String?
        /// What the caller or the operator can do; nil if only time helps.
        var hint: String?
        /// What solves the problem, if clients have different words for it.
        var remedy: Remedy?

        init(_ code: ProblemCode, field: String? = nil, hint: String? = nil, remedy: Remedy? = nil) {
            (self.code, self.field, self.hint, self.remedy) = (code, field, hint, remedy)
        }
    }

    /// A row for each code but `.other`. The row declares its problem code if nothing else mentions that.
    var meaning: Meaning {
        switch code {
        case .poolNotFound: Meaning(.poolNotFound, field: "pool", remedy: .listPools)
        case .namespaceNotFound:
            Meaning(.namespaceNotFound, field: "namespace", remedy: resource.place.map { Remedy.createNamespace($0) })
        case .imageNotFound: Meaning(.imageNotFound, field: "image")
        case .dataPoolNotFound: Meaning(.dataPoolNotFound, field: "dataPool", remedy: .listPools)
        case .poolExists: Meaning(ProblemCode("pool-exists", 409, "The pool exists already"), field: "name")
        case .imageExists: Meaning(.imageExists, field: "name")
        case .imageBusy: Meaning(.imageInUse, remedy: resource.image.map { Remedy.listWatchers(of: $0) })
        case .imageHasSnapshots: Meaning(.imageHasSnapshots, remedy: resource.image.map { Remedy.explain($0) })
        case .imageInGroup: Meaning(.imageInGroup, hint: "remove the image from its group first")
        case .imageReadOnly:
            Meaning(
                ProblemCode("image-read-only", 409, "The image can't be changed"),
                hint:
                    "if it is being migrated: rbd migration commit or abort; if it is a mirrored copy: rbd mirror image promote"
            )
        case .imageIncomplete:
            Meaning(
                .imageIncomplete,
                field: "image",
                hint:
                    "try again; after twice the service's ceph-osd-timeout, an attempt to create or delete the image repairs it"
            )
        case .imageUnreadable:
            Meaning(
                .imageUnreadable,
                field: "image",
                hint: "rbd info \(resource.commandLineName) shows Ceph's own error; the data is intact"
            )
        case .imageChanged: Meaning(.imageChanged, field: "image", hint: "try again")
        case .parentNotFound:
            Meaning(
                ProblemCode("parent-not-found", 409, "The parent of the clone is gone"),
                field: "image",
                hint: "restore the parent or its pool; the clone's own data is intact, and the clone can be deleted"
            )
        case .lockNotFound:
            Meaning(.lockNotFound, field: "client", remedy: resource.image.map { Remedy.listLocks(of: $0) })
        case .watcherNotFound:
            Meaning(
                ProblemCode("watcher-not-found", 404, "The client does not have the image open"),
                field: "client",
                remedy: resource.image.map { Remedy.listWatchers(of: $0) }
            )
        case .ownClient:
            Meaning(
                ProblemCode("own-client", 409, "The client is the service itself"),
                field: "client",
                remedy: .listOperations
            )
        case .trashEntryNotFound:
            Meaning(.trashEntryNotFound, field: "id", remedy: resource.place.map { Remedy.listTrash(of: $0) })
        case .trashDeferred:
            Meaning(
                ProblemCode("trash-deferred", 409, "The image is still kept in the trash"),
                field: "force",
                remedy: .confirmEarlyPurge
            )
        case .imageHasNoParent:
            Meaning(ProblemCode("image-has-no-parent", 409, "The image is not a clone"), field: "image")
        case .imageEncrypted:
            Meaning(
                ProblemCode("image-encrypted", 409, "The clone is encrypted with its own key"),
                field: "image",
                hint: Problem.flatteningWithPassphrases(resource.commandLineName)
            )
        case .stopped: Meaning(.operationStopped)
        case .groupNotFound:
            Meaning(.groupNotFound, field: "group", remedy: resource.place.map { Remedy.listGroups(of: $0) })
        case .groupExists:
            Meaning(
                ProblemCode("group-exists", 409, "The group exists already"),
                field: "name",
                hint: "choose another name, or delete that group first"
            )
        case .groupHasSnapshots:
            Meaning(.groupHasSnapshots, field: "group", remedy: resource.group.map { Remedy.listSnapshots(of: $0) })
        case .imageNotInGroup:
            Meaning(
                ProblemCode("image-not-in-group", 404, "The image does not belong to the group"),
                field: "image",
                hint: "list the group to see its images",
                remedy: resource.group.map { Remedy.listImages(of: $0) }
            )
        case .groupSnapshotNotFound:
            Meaning(
                ProblemCode("group-snapshot-not-found", 404, "The group snapshot does not exist"),
                field: "snapshot",
                remedy: resource.group.map { Remedy.listSnapshots(of: $0) }
            )
        case .groupSnapshotExists:
            Meaning(
                ProblemCode("group-snapshot-exists", 409, "The group snapshot exists already"),
                field: "name",
                hint: "choose another name, or delete that snapshot first"
            )
        case .groupSnapshotIncomplete:
            Meaning(
                ProblemCode("group-snapshot-incomplete", 409, "The group snapshot is incomplete"),
                field: "snapshot",
                remedy: resource.groupSnapshot.map { Remedy.delete($0) }
            )
        case .groupChanged: Meaning(.groupChanged, field: "snapshot")
        case .poolErasureCoded:
            Meaning(
                ProblemCode("pool-erasure-coded", 422, "The pool is erasure-coded"),
                field: "pool",
                hint: "create the image in a replicated pool, with this one as its data pool"
            )
        case .poolBusy:
            Meaning(
                ProblemCode("pool-busy", 409, "The pool is busy", isRetryable: true),
                hint: "try again when ceph status shows no placement groups that are being created"
            )
        case .snapshotNotFound:
            Meaning(.snapshotNotFound, field: "snapshot", remedy: resource.image.map { Remedy.listSnapshots(of: $0) })
        case .snapshotExists: Meaning(ProblemCode("snapshot-exists", 409, "The snapshot exists already"), field: "name")
        case .snapshotProtected: Meaning(.snapshotProtected, remedy: resource.snapshot.map { Remedy.unprotect($0) })
        case .snapshotHasClones: Meaning(.snapshotHasClones, hint: "flatten or delete the clones first")
        case .snapshotManaged:
            Meaning(ProblemCode("snapshot-managed", 409, "The snapshot belongs to a group, the trash or mirroring"))
        case .snapshotLimitReached:
            Meaning(
                ProblemCode("snapshot-limit-reached", 409, "The image has reached its limit of snapshots"),
                remedy: resource.image.map { Remedy.raiseSnapshotLimit(of: $0) }
            )
        case .invalidSnapshotLimit:
            Meaning(.invalidSnapshotLimit, field: "limit", hint: "delete snapshots first, or choose a higher limit")
        case .sourceNotFound:
            Meaning(
                ProblemCode("source-not-found", 422, "The source does not exist"),
                field: "source",
                remedy: .nameSource
            )
        case .invalidSource: Meaning(.invalidSource, field: "source")
        case .namespaceExists:
            Meaning(ProblemCode("namespace-exists", 409, "The namespace exists already"), field: "name")
        case .namespaceNotEmpty:
            Meaning(
                ProblemCode("namespace-not-empty", 409, "The namespace is not empty"),
                hint: "delete its images, purge its trash and delete its groups first"
            )
        case .poolDeletionDisabled:
            Meaning(
                ProblemCode("pool-deletion-disabled", 403, "The cluster does not allow the pool to be deleted"),
                hint: detail?.contains("nodelete") ?? false
                    ? "ceph osd pool set \(resource.commandLineName) nodelete false"
                    : "ceph config set mon mon_allow_pool_delete true (a value in the monitors' ceph.conf takes precedence)"
            )
        case .poolFull: Meaning(.poolFull, hint: "ceph df shows what is full; ceph osd pool set-quota raises a quota")
        case .invalidObjectSize:
            Meaning(
                .invalidObjectSize,
                field: "objectSize",
                hint: "write a power of two from 4KiB to 32MiB, or leave it out for the default"
            )
        case .invalidFeatures:
            Meaning(
                .invalidFeatures,
                field: "features",
                hint: "leave out features that this release of Ceph does not have"
            )
        case .invalidMetadata:
            Meaning(
                .invalidMetadata,
                field: "metadata",
                hint: "keys that begin with conf_ must name an option of librbd, and have a valid value"
            )
        case .invalidImageOption: Meaning(.invalidImageOption)
        case .invalidPoolOption: Meaning(.invalidPoolOption)
        case .unsupported: Meaning(.unsupportedByCluster)
        // The service's own key was refused, not the caller's.
        case .keyringNotFound:
            Meaning(.credentialsRefused, hint: "set ceph-user and ceph-keyring in the service's configuration")
        case .keyUnsupported:
            Meaning(
                .credentialsRefused,
                hint: "run the service with a newer librados, or give its user a key of the older type: "
                    + "ceph mon set auth_allowed_ciphers aes,aes256k, then ceph auth get-or-create NAME --key_type aes"
            )
        case .credentialsRefused:
            Meaning(.credentialsRefused, hint: "check the caps of the service's user: ceph auth get NAME")
        case .clientBlocklisted: Meaning(.clusterUnavailable)
        case .clusterUnreachable:
            Meaning(
                .clusterUnavailable,
                hint: cause.flatMap { CephError($0, .connect, on: .cluster).meaning.hint },
                remedy: cause.flatMap { CephError($0, .connect, on: .cluster).meaning.remedy }
            )
        case .shutDown: Meaning(.clusterUnavailable)
        case .poolUnavailable:
            Meaning(.poolUnavailable, hint: "try again later; ceph health detail shows what is wrong with the pool")
        case .timedOut: Meaning(.deadlineExceeded, remedy: isOutcomeUnknown ? Remedy.checkOutcome : Remedy.checkCluster)
        case .notStarted: Meaning(.deadlineExceeded, hint: "try again; nothing was changed")
        case .overloaded: Meaning(.overloaded)
        // The configuration is read before the service starts, so no request can get this error.
        case .invalidConfiguration: Meaning(.internalError)
        default: Meaning(.cephError)
        }
    }

    /// Whether a change may have been made although its call was abandoned.
    var isOutcomeUnknown: Bool { code == .timedOut && operation.isChange }
}

extension Problem {
    /// The problem that a Ceph error means for the caller.
    init(_ error: CephError) {
        let meaning = error.meaning
        self.init(
            meaning.code,
            detail: error.description + (error.isOutcomeUnknown ? "; whether the change was made is not known" : ""),
            field: meaning.field,
            errno: error.errno,
            hint: meaning.hint,
            remedy: meaning.remedy
        )
    }
}
