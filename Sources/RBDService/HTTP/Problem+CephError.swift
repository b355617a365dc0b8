// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

import Ceph
import Naming
import RBDAPI

extension Problem {
    /// The problem that a Ceph error means for the caller.
    init(_ error: CephError) {
        let code = ProblemCode(error.code)
        self.init(
            code,
            detail: error.description + (error.isOutcomeUnknown ? "; whether the change was made is not known" : ""),
            field: error.field,
            errno: error.errno,
            hint: error.hint,
            remedy: error.remedy
        )
    }
}

extension ProblemCode {
    init(_ code: CephError.Code) {
        self =
            switch code {
            case .poolNotFound: .poolNotFound
            case .namespaceNotFound: .namespaceNotFound
            case .imageNotFound: .imageNotFound
            case .dataPoolNotFound: .dataPoolNotFound
            case .poolExists: .poolExists
            case .imageExists: .imageExists
            case .imageBusy: .imageInUse
            case .imageHasSnapshots: .imageHasSnapshots
            case .imageInGroup: .imageInGroup
            case .imageReadOnly: .imageReadOnly
            case .imageIncomplete: .imageIncomplete
            case .imageUnreadable: .imageUnreadable
            case .imageChanged: .imageChanged
            case .parentNotFound: .parentNotFound
            case .lockNotFound: .lockNotFound
            case .watcherNotFound: .watcherNotFound
            case .ownClient: .ownClient
            case .trashEntryNotFound: .trashEntryNotFound
            case .trashDeferred: .trashDeferred
            case .imageHasNoParent: .imageHasNoParent
            case .imageEncrypted: .imageEncrypted
            case .stopped: .operationStopped
            case .groupNotFound: .groupNotFound
            case .groupExists: .groupExists
            case .groupHasSnapshots: .groupHasSnapshots
            case .imageNotInGroup: .imageNotInGroup
            case .groupSnapshotNotFound: .groupSnapshotNotFound
            case .groupSnapshotExists: .groupSnapshotExists
            case .groupSnapshotIncomplete: .groupSnapshotIncomplete
            case .groupChanged: .groupChanged
            case .poolErasureCoded: .poolErasureCoded
            case .poolBusy: .poolBusy
            case .snapshotNotFound: .snapshotNotFound
            case .snapshotExists: .snapshotExists
            case .snapshotProtected: .snapshotProtected
            case .snapshotHasClones: .snapshotHasClones
            case .snapshotManaged: .snapshotManaged
            case .snapshotLimitReached: .snapshotLimitReached
            case .invalidSnapshotLimit: .invalidSnapshotLimit
            case .sourceNotFound: .sourceNotFound
            case .invalidSource: .invalidSource
            case .namespaceExists: .namespaceExists
            case .namespaceNotEmpty: .namespaceNotEmpty
            case .poolDeletionDisabled: .poolDeletionDisabled
            case .poolFull: .poolFull
            case .invalidObjectSize: .invalidObjectSize
            case .invalidFeatures: .invalidFeatures
            case .invalidMetadata: .invalidMetadata
            case .invalidImageOption: .invalidImageOption
            case .invalidPoolOption: .invalidPoolOption
            case .unsupported: .unsupportedByCluster
            // The service's own key was refused, not the caller's.
            case .keyringNotFound, .keyUnsupported, .credentialsRefused: .credentialsRefused
            case .clientBlocklisted, .clusterUnreachable, .shutDown: .clusterUnavailable
            case .poolUnavailable: .poolUnavailable
            case .timedOut, .notStarted: .deadlineExceeded
            case .overloaded: .overloaded
            case .other: .cephError
            // The configuration is read before the service starts, so no request can get this error.
            case .invalidConfiguration: .internalError
            }
    }
}

extension CephError {
    /// Whether a change may have been made although its call was abandoned.
    var isOutcomeUnknown: Bool {
        code == .timedOut && operation.isChange
    }

    /// The request's field that caused the error; nil if there is none.
    fileprivate var field: String? {
        switch code {
        case .poolNotFound: "pool"
        case .namespaceNotFound: "namespace"
        case .imageNotFound, .imageHasNoParent, .imageEncrypted, .imageNotInGroup, .imageIncomplete, .imageUnreadable,
            .imageChanged,
            .parentNotFound:
            "image"
        case .lockNotFound, .watcherNotFound, .ownClient: "client"
        case .trashEntryNotFound: "id"
        case .trashDeferred: "force"
        case .groupNotFound, .groupHasSnapshots: "group"
        case .groupSnapshotNotFound, .groupSnapshotIncomplete, .groupChanged: "snapshot"
        case .poolErasureCoded: "pool"
        case .dataPoolNotFound: "dataPool"
        case .poolExists, .imageExists, .groupExists, .groupSnapshotExists, .snapshotExists, .namespaceExists: "name"
        case .snapshotNotFound: "snapshot"
        case .sourceNotFound, .invalidSource: "source"
        case .invalidSnapshotLimit: "limit"
        case .invalidObjectSize: "objectSize"
        case .invalidFeatures: "features"
        case .invalidMetadata: "metadata"
        default: nil
        }
    }

    /// What the caller or the operator can do about the error; nil if only time helps.
    var hint: String? {
        switch code {
        case .clusterUnreachable: cause.flatMap { CephError($0, .connect, on: .cluster).hint }
        case .snapshotHasClones: "flatten or delete the clones first"
        case .imageEncrypted: Problem.flatteningWithPassphrases(resource.commandLineName)
        case .invalidSnapshotLimit: "delete snapshots first, or choose a higher limit"
        case .namespaceNotEmpty: "delete its images, purge its trash and delete its groups first"
        case .invalidObjectSize: "write a power of two from 4KiB to 32MiB, or leave it out for the default"
        case .invalidMetadata: "keys that begin with conf_ must name an option of librbd, and have a valid value"
        case .invalidFeatures: "leave out features that this release of Ceph does not have"
        case .imageIncomplete:
            "try again; after twice the service's ceph-osd-timeout, an attempt to create or delete the image repairs it"
        case .imageUnreadable: "rbd info \(resource.commandLineName) shows Ceph's own error; the data is intact"
        case .imageChanged: "try again"
        case .parentNotFound:
            "restore the parent or its pool; the clone's own data is intact, and the clone can be deleted"
        case .imageReadOnly:
            "if it is being migrated: rbd migration commit or abort; if it is a mirrored copy: rbd mirror image promote"
        case .imageInGroup: "remove the image from its group first"
        case .groupExists: "choose another name, or delete that group first"
        case .imageNotInGroup: "list the group to see its images"
        case .groupSnapshotExists: "choose another name, or delete that snapshot first"
        case .poolBusy: "try again when ceph status shows no placement groups that are being created"
        case .poolErasureCoded: "create the image in a replicated pool, with this one as its data pool"
        case .poolDeletionDisabled where detail?.contains("nodelete") ?? false:
            "ceph osd pool set \(resource.commandLineName) nodelete false"
        case .poolDeletionDisabled:
            "ceph config set mon mon_allow_pool_delete true (a value in the monitors' ceph.conf takes precedence)"
        case .poolFull: "ceph df shows what is full; ceph osd pool set-quota raises a quota"
        case .credentialsRefused: "check the caps of the service's user: ceph auth get NAME"
        case .keyUnsupported:
            "run the service with a newer librados, or give its user a key of the older type: "
                + "ceph mon set auth_allowed_ciphers aes,aes256k, then ceph auth get-or-create NAME --key_type aes"
        case .keyringNotFound: "set ceph-user and ceph-keyring in the service's configuration"
        case .poolUnavailable: "try again later; ceph health detail shows what is wrong with the pool"
        case .notStarted: "try again; nothing was changed"
        default: nil
        }
    }
}

extension CephError.Resource {
    /// The name as `ceph` and `rbd` take it on the command line.
    fileprivate var commandLineName: String {
        switch self {
        case .cluster: ""
        case .pool(let pool): pool
        case .namespace(let place): place.description
        case .image(let spec): spec.description
        case .snapshot(let spec): spec.description
        case .group(let spec): spec.description
        case .groupSnapshot(let spec): spec.description
        }
    }
}
