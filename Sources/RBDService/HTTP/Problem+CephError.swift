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
            hint: error.hint
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
    fileprivate var isOutcomeUnknown: Bool {
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
        case .poolNotFound: "GET /v1/pools lists the pools; rbdctl pool create makes one"
        case .namespaceNotFound: "rbdctl namespace create \(resource.commandLineName) makes it"
        case .snapshotNotFound: "GET .../snapshots lists the image's snapshots"
        case .snapshotProtected: "rbdctl snapshot unprotect \(resource.commandLineName)"
        case .snapshotHasClones: "flatten or delete the clones first"
        case .imageEncrypted: Problem.flatteningWithPassphrases(resource.commandLineName)
        case .snapshotLimitReached: "delete a snapshot, or raise the limit: PUT .../snapshot-limit"
        case .invalidSnapshotLimit: "delete snapshots first, or choose a higher limit"
        case .sourceNotFound:
            "write source as {\"pool\", \"namespace\", \"image\", \"snapshot\"}; what it names must exist"
        case .namespaceNotEmpty: "delete its images, purge its trash and remove its groups first"
        case .dataPoolNotFound: "GET /v1/pools lists the pools"
        case .invalidObjectSize: "write a power of two from 4KiB to 32MiB, or leave it out for the default"
        case .invalidMetadata: "keys that begin with conf_ must name an option of librbd, with a value that it takes"
        case .invalidFeatures: "leave out features that this release of Ceph does not know"
        case .trashEntryNotFound: "GET /v1/pools/\(resource.pool ?? "")/trash lists what is there"
        case .trashDeferred: "add ?force=true to purge it before its time, or restore it"
        case .imageBusy: "rbdctl image watcher list \(resource.commandLineName) shows who has it open"
        case .imageIncomplete:
            "repeat the request; what stays half-made is mended by the next PUT or DELETE, after twice the service's ceph-osd-timeout"
        case .imageUnreadable: "rbd info \(resource.commandLineName) says what Ceph makes of it; its data is untouched"
        case .imageChanged: "repeat the request"
        case .parentNotFound:
            "what the clone has of its own is untouched, and DELETE moves it to the trash; restore the parent, or its pool, first to read more"
        case .lockNotFound: "rbdctl image lock list \(resource.commandLineName) shows the locks"
        case .watcherNotFound: "rbdctl image watcher list \(resource.commandLineName) shows who has it open"
        case .ownClient: "its work on the image ends by itself; GET /v1/operations shows what takes long"
        case .imageReadOnly:
            "end what has it: rbd migration commit or abort of an image that is migrated, rbd mirror image promote of a copy"
        case .imageHasSnapshots:
            "rbdctl snapshot list \(resource.commandLineName) shows them, rbdctl snapshot delete removes them"
        case .imageInGroup: "rbdctl group image remove takes it out of its group"
        case .groupNotFound: "rbdctl group list shows the groups of a pool; rbdctl group create makes one"
        case .groupExists: "choose another name, or delete that group first"
        case .groupHasSnapshots: "rbdctl group snapshot list shows them; delete them first"
        case .imageNotInGroup: "rbdctl group image list shows what belongs to the group"
        case .groupSnapshotNotFound: "rbdctl group snapshot list shows the snapshots of a group"
        case .groupSnapshotExists: "choose another name, or delete that snapshot first"
        case .groupSnapshotIncomplete:
            "rbdctl group snapshot delete \(resource.commandLineName) removes what there is of it"
        case .poolBusy: "repeat the request when ceph status shows no placement groups that are being made"
        case .poolErasureCoded: "create the image in a replicated pool, with this one as its dataPool"
        case .poolDeletionDisabled where detail?.contains("nodelete") ?? false:
            "ceph osd pool set \(resource.commandLineName) nodelete false"
        case .poolDeletionDisabled:
            "ceph config set mon mon_allow_pool_delete true (a value in the monitors' ceph.conf wins over this)"
        case .poolFull: "ceph df shows what is full; ceph osd pool set-quota raises a quota"
        case .credentialsRefused: "check the caps of the service's user: ceph auth get NAME"
        case .keyUnsupported:
            "run the service with a newer librados, or give its user a key of the older type: "
                + "ceph mon set auth_allowed_ciphers aes,aes256k, then ceph auth get-or-create NAME --key_type aes"
        case .keyringNotFound: "set ceph-user and ceph-keyring in the service's configuration"
        case .timedOut where isOutcomeUnknown: "GET it to find out; repeating a PUT or a DELETE does no harm"
        case .poolUnavailable: "repeat the request later; ceph health detail says what is wrong with the pool"
        case .notStarted: "repeat the request; nothing was changed"
        case .timedOut: "repeat the request; GET /readyz tells whether the cluster answers at all"
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
