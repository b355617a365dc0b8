// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

import Ceph
import RBDAPI

extension Problem {
    /// What an error of Ceph's means to the caller.
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
            case .invalidImageOption: .invalidImageOption
            case .invalidPoolOption: .invalidPoolOption
            case .unsupported: .unsupportedByCluster
            // Our key failed, not the caller's.
            case .keyringNotFound, .credentialsRefused: .credentialsRefused
            case .clientBlocklisted, .clusterUnreachable, .shutDown: .clusterUnavailable
            case .poolUnavailable: .poolUnavailable
            case .timedOut, .notStarted: .deadlineExceeded
            case .overloaded: .overloaded
            case .other: .cephError
            // Read before the service starts: no request can meet it.
            case .invalidConfiguration: .internalError
            }
    }
}

extension CephError {
    /// Whether a change was on its way when the caller was let go.
    fileprivate var isOutcomeUnknown: Bool {
        code == .timedOut && operation.isChange
    }

    /// The request's field that the error is about, where there is one.
    fileprivate var field: String? {
        switch code {
        case .poolNotFound: "pool"
        case .namespaceNotFound: "namespace"
        case .imageNotFound: "image"
        case .dataPoolNotFound: "dataPool"
        case .snapshotNotFound: "snapshot"
        case .poolExists, .imageExists, .snapshotExists, .namespaceExists: "name"
        case .sourceNotFound, .invalidSource: "source"
        case .invalidSnapshotLimit: "limit"
        case .invalidObjectSize: "objectSize"
        case .invalidFeatures: "features"
        default: nil
        }
    }

    /// What mends it.
    fileprivate var hint: String? {
        switch code {
        case .poolNotFound: "GET /v1/pools lists the pools; rbdctl pool create makes one"
        case .namespaceNotFound: "rbdctl namespace create \(resource.commandLineName) makes it"
        case .snapshotNotFound: "GET .../snapshots lists the image's snapshots"
        case .snapshotProtected: "rbdctl snapshot unprotect \(resource.commandLineName)"
        case .snapshotHasClones: "flatten or delete the clones first"
        case .snapshotLimitReached: "delete a snapshot, or raise the limit: PUT .../snapshot-limit"
        case .invalidSnapshotLimit: "delete snapshots first, or choose a higher limit"
        case .sourceNotFound:
            "write source as {\"pool\", \"namespace\", \"image\", \"snapshot\"}; the snapshot must exist"
        case .namespaceNotEmpty: "delete its images, purge its trash and remove its groups first"
        case .dataPoolNotFound: "GET /v1/pools lists the pools"
        case .invalidObjectSize: "write a power of two from 4KiB to 32MiB, or leave it out for the default"
        case .invalidFeatures: "leave out features that this release of Ceph does not know"
        case .imageBusy: "rbd status \(resource.commandLineName) shows who has it open"
        case .imageHasSnapshots: "rbd snap ls \(resource.commandLineName) lists them, rbd snap purge removes them all"
        case .imageInGroup: "rbd group image rm takes it out of its group"
        case .poolDeletionDisabled where detail?.contains("nodelete") ?? false:
            "ceph osd pool set \(resource.commandLineName) nodelete false"
        case .poolDeletionDisabled:
            "ceph config set mon mon_allow_pool_delete true (a value in the monitors' ceph.conf wins over this)"
        case .poolFull: "ceph df shows what is full; ceph osd pool set-quota raises a quota"
        case .credentialsRefused: "check the caps of the service's user: ceph auth get NAME"
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
    /// As it is written on the command line of `ceph` and `rbd`.
    fileprivate var commandLineName: String {
        switch self {
        case .cluster: ""
        case .pool(let pool): pool
        case .namespace(let namespace, let pool): "\(pool)/\(namespace)"
        case .image(let image, let namespace, let pool):
            ImageSpec(pool: pool, namespace: namespace, image: image).description
        case .snapshot(let snapshot, let image, let namespace, let pool):
            "\(ImageSpec(pool: pool, namespace: namespace, image: image))@\(snapshot)"
        }
    }
}
