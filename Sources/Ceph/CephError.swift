// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

public import Naming

/// An error of Ceph, with the operation that failed and its resource.
///
/// `description` is safe to show to a caller; `debugDescription` adds the operation and the errno for the log.
public struct CephError: Error, Hashable, Sendable {
    /// The meaning. One errno means different things for different resources: see `CephError+Errno.swift`.
    public var code: Code
    /// The operation that failed.
    public var operation: Operation
    /// The resource of the operation.
    public var resource: Resource
    /// The positive errno that librados or librbd returned; nil if the call was refused before it was made.
    public var errno: CInt?
    /// The message of a monitor, if there is one, or the reason for which the call was refused.
    public var detail: String?
    /// For `.clusterUnreachable`: the error of the attempt to connect.
    public var cause: Code?

    public init(
        _ code: Code,
        _ operation: Operation,
        on resource: Resource,
        errno: CInt? = nil,
        detail: String? = nil
    ) {
        self.code = code
        self.operation = operation
        self.resource = resource
        self.errno = errno
        self.detail = detail
    }

    /// The kinds of errors that callers distinguish.
    public enum Code: String, CaseIterable, Sendable {
        case poolNotFound, namespaceNotFound, imageNotFound, dataPoolNotFound
        case trashEntryNotFound
        case poolExists, imageExists
        case trashDeferred, imageHasNoParent, imageEncrypted
        case imageBusy, imageHasSnapshots, imageInGroup, imageReadOnly
        case imageIncomplete, imageUnreadable, imageChanged, parentNotFound
        case lockNotFound, watcherNotFound, ownClient
        case groupNotFound, groupExists, groupHasSnapshots, imageNotInGroup
        case groupSnapshotNotFound, groupSnapshotExists, groupSnapshotIncomplete, groupChanged
        case poolDeletionDisabled, poolFull, poolErasureCoded, poolBusy
        case snapshotNotFound, snapshotExists, snapshotProtected, snapshotHasClones, snapshotManaged
        case snapshotLimitReached, invalidSnapshotLimit
        case sourceNotFound, invalidSource
        case namespaceExists, namespaceNotEmpty
        case invalidObjectSize, invalidFeatures, invalidMetadata, invalidImageOption, invalidPoolOption,
            invalidConfiguration
        case unsupported
        case keyringNotFound, keyUnsupported, credentialsRefused, clientBlocklisted
        case clusterUnreachable, poolUnavailable, timedOut, notStarted, overloaded, shutDown, stopped
        case other
    }

    public enum Operation: String, CaseIterable, Sendable {
        case configure, connect, readStatus
        case listPools, openPool, createPool, initializePool, changePool, deletePool
        case findNamespace, listNamespaces, createNamespace, removeNamespace
        case listImages, readImage, createImage, changeImage, removeImage, repairImage
        case createSnapshot, changeSnapshot, removeSnapshot, rollBackImage
        case cloneImage, flattenImage, copyImage, sparsifyImage, rebuildObjectMap
        case listTrash, moveToTrash, restoreImage, purgeImage
        case readGroup, changeGroup, changeGroupImages, changeGroupSnapshots
        case breakLock, evictClient, shutOutClient
        case readRecord, changeRecord
    }

    public enum Resource: Hashable, Sendable {
        case cluster
        case pool(String)
        case namespace(Place)
        case image(ImageSpec)
        case snapshot(SnapshotSpec)
        case group(GroupSpec)
        case groupSnapshot(GroupSnapshotSpec)
    }
}

extension CephError.Operation {
    /// Whether the operation changes the cluster. If its answer does not come, the outcome is unknown.
    public var isChange: Bool {
        switch self {
        case .configure, .connect, .readStatus, .listPools, .openPool, .findNamespace, .listNamespaces, .listImages,
            .readImage, .listTrash, .readGroup, .readRecord:
            false
        case .createPool, .initializePool, .changePool, .deletePool, .createNamespace, .removeNamespace, .createImage,
            .changeImage, .removeImage, .repairImage, .createSnapshot, .changeSnapshot, .removeSnapshot,
            .rollBackImage, .cloneImage, .flattenImage, .copyImage, .sparsifyImage, .rebuildObjectMap, .moveToTrash,
            .restoreImage, .purgeImage, .changeGroup, .changeGroupImages, .changeGroupSnapshots, .breakLock,
            .evictClient, .shutOutClient, .changeRecord:
            true
        }
    }
}

extension CephError.Code {
    /// Whether the same call may succeed later without any repair.
    public var isRetriable: Bool {
        switch self {
        case .imageBusy, .imageIncomplete, .imageChanged, .poolBusy, .clusterUnreachable, .poolUnavailable, .timedOut,
            .notStarted, .overloaded, .shutDown, .clientBlocklisted:
            true
        default: false
        }
    }

    /// Whether the error is about the pool, the connection or the service, and not about the image that met it.
    public var isOfTheWholePool: Bool {
        switch self {
        case .poolNotFound, .namespaceNotFound, .credentialsRefused, .clientBlocklisted, .clusterUnreachable,
            .poolUnavailable,
            .timedOut, .notStarted, .overloaded, .shutDown:
            true
        default: false
        }
    }
}

extension CephError.Resource: CustomStringConvertible {
    public var description: String {
        switch self {
        case .cluster: "the cluster"
        case .pool(let pool): "pool \"\(pool)\""
        case .namespace(let place): "namespace \"\(place)\""
        case .image(let spec): "image \"\(spec)\""
        case .snapshot(let spec): "snapshot \"\(spec)\""
        case .group(let spec): "group \"\(spec)\""
        case .groupSnapshot(let spec): "group snapshot \"\(spec)\""
        }
    }
}

extension CephError: CustomStringConvertible, CustomDebugStringConvertible {
    public var description: String {
        guard let detail else { return sentence }
        return "\(sentence): \(detail)"
    }

    public var debugDescription: String {
        "\(description) [\(operation.rawValue), \(code.rawValue)\(errno.map { ", errno \($0)" } ?? "")]"
    }

    /// Own wording, because that of strerror misleads: it calls a blocklisted client "transport endpoint shutdown".
    private var sentence: String {
        switch code {
        case .poolNotFound, .namespaceNotFound, .imageNotFound, .groupNotFound, .groupSnapshotNotFound,
            .snapshotNotFound, .sourceNotFound:
            "\(resource) does not exist"
        case .dataPoolNotFound: "the data pool does not exist"
        case .trashEntryNotFound: "\(resource) is not in the trash"
        case .trashDeferred: "\(resource) must still be kept in the trash"
        case .imageHasNoParent: "\(resource) is not a clone, so there is nothing to flatten"
        case .imageEncrypted:
            "\(resource) is a clone with its own encryption key: without the passphrases, this would destroy its data"
        case .poolExists, .imageExists, .groupExists, .groupSnapshotExists, .snapshotExists, .namespaceExists:
            "\(resource) exists already"
        case .imageBusy: "\(resource) is in use: a client has it open, or it is being changed"
        case .imageHasSnapshots: "\(resource) has snapshots"
        case .imageInGroup: "\(resource) belongs to a group"
        case .groupHasSnapshots: "\(resource) has snapshots of its own"
        case .imageNotInGroup: "\(resource) does not belong to the group"
        case .groupSnapshotIncomplete: "\(resource) is incomplete: creating it was interrupted, or is still in progress"
        case .groupChanged: "the images of the group have changed since \(resource) was taken"
        case .imageReadOnly: "\(resource) can only be read"
        case .imageIncomplete:
            "the name of \(resource) is taken, but leads to no image: it is being created, or creating it was interrupted"
        case .imageUnreadable: "\(resource) exists, but can't be read"
        case .imageChanged: "another client has changed \(resource) at the same time"
        case .parentNotFound: "\(resource) is a clone whose parent is gone: the data that they share can't be read"
        case .lockNotFound: "\(resource) has no such lock"
        case .watcherNotFound: "no such client has \(resource) open"
        case .ownClient: "the client that uses \(resource) is the service itself"
        case .snapshotProtected: "\(resource) is protected"
        case .snapshotHasClones: "\(resource) has clones"
        case .snapshotManaged: "\(resource) was not created by a user, and can't be changed"
        case .snapshotLimitReached: "\(resource) would exceed the image's snapshot limit"
        case .invalidSnapshotLimit: "\(resource) has more snapshots than the limit would allow"
        case .invalidSource: "\(resource) can't be cloned"
        case .namespaceNotEmpty: "\(resource) is not empty"
        case .poolDeletionDisabled: "the cluster does not allow \(resource) to be deleted"
        case .poolBusy: "\(resource) is still busy with an earlier change"
        case .poolErasureCoded: "the pool of \(resource) is erasure-coded: it holds the data of images, but not images"
        case .poolFull: "the pool of \(resource) is full or over its quota"
        case .invalidObjectSize: "Ceph refused the object size for \(resource)"
        case .invalidFeatures: "Ceph does not know all the features requested for \(resource)"
        case .invalidMetadata: "Ceph refused the metadata for \(resource)"
        case .invalidImageOption: "Ceph refused the values for \(resource)"
        case .invalidPoolOption: "Ceph refused the values for \(resource)"
        case .invalidConfiguration: "Ceph refused the configuration"
        case .unsupported: "the cluster does not support this on \(resource)"
        case .keyringNotFound: "the configured user has no key: there is no keyring, or the user is not in it"
        case .keyUnsupported:
            "librados \(Cluster.libradosVersion) can't use the configured user's key: it is damaged, or of the type aes256k, "
                + "which needs librados 19.2.6, 20.2.4 or newer"
        case .credentialsRefused: "the cluster refused the service's credentials for \(resource)"
        case .clientBlocklisted: "the cluster has shut this client out (blocklisted)"
        case .clusterUnreachable: "the cluster can't be reached"
        case .poolUnavailable:
            "\(resource.pool.map { "pool \"\($0)\"" } ?? "the pool") does not answer; it is checked every second"
        case .timedOut: "the cluster did not answer in time for \(resource)"
        case .notStarted: "earlier calls took all the time available for \(resource); this call was not started"
        case .overloaded: "too many calls to the cluster are waiting"
        case .stopped: "the work on \(resource) was interrupted"
        case .shutDown: "the connection to the cluster is closed"
        case .other: "Ceph reported an error for \(resource)"
        }
    }
}
