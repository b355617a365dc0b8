// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

/// Every `code` that a problem can carry. The texts are the contract: a code is never renamed and never reused.
public enum ProblemCode: String, CaseIterable, Sendable {
    // The request can't be read.
    case malformedRequest = "malformed-request"
    case requestTimeout = "request-timeout"
    case headerTooLarge = "header-too-large"
    case expectationFailed = "expectation-failed"
    case httpVersionNotSupported = "http-version-not-supported"
    case malformedBody = "malformed-body"
    case unknownField = "unknown-field"
    case invalidParameter = "invalid-parameter"
    case confirmationRequired = "confirmation-required"
    case bodyTooLarge = "body-too-large"
    case unsupportedMediaType = "unsupported-media-type"
    case unauthenticated
    case forbidden
    case routeNotFound = "route-not-found"
    case methodNotAllowed = "method-not-allowed"

    // The request can be read, but its values are not acceptable.
    case invalidName = "invalid-name"
    case invalidSize = "invalid-size"
    case invalidObjectSize = "invalid-object-size"
    case invalidStriping = "invalid-striping"
    case invalidFeatures = "invalid-features"
    case invalidMetadata = "invalid-metadata"
    case invalidQoS = "invalid-qos"
    case invalidPoolOption = "invalid-pool-option"
    case invalidImageOption = "invalid-image-option"
    case dataPoolNotFound = "data-pool-not-found"
    case poolErasureCoded = "pool-erasure-coded"
    case sourceNotFound = "source-not-found"
    case invalidSource = "invalid-source"
    case invalidSnapshotLimit = "invalid-snapshot-limit"
    case invalidPersistentVolume = "invalid-persistent-volume"
    case otherCluster = "other-cluster"
    case poolNotAllowed = "pool-not-allowed"

    // The state of the cluster does not allow the request.
    case preconditionFailed = "precondition-failed"
    case poolNotFound = "pool-not-found"
    case namespaceNotFound = "namespace-not-found"
    case imageNotFound = "image-not-found"
    case snapshotNotFound = "snapshot-not-found"
    case poolExists = "pool-exists"
    case namespaceExists = "namespace-exists"
    case imageExists = "image-exists"
    case snapshotExists = "snapshot-exists"
    case imageDiffers = "image-differs"
    case imageInUse = "image-in-use"
    case imageHasSnapshots = "image-has-snapshots"
    case imageInGroup = "image-in-group"
    case imageMigrating = "image-migrating"
    case imageReadOnly = "image-read-only"
    case imageIncomplete = "image-incomplete"
    case imageUnreadable = "image-unreadable"
    case imageChanged = "image-changed"
    case parentNotFound = "parent-not-found"
    case changeInProgress = "change-in-progress"
    case lockNotFound = "lock-not-found"
    case watcherNotFound = "watcher-not-found"
    case ownClient = "own-client"
    case trashEntryNotFound = "trash-entry-not-found"
    case trashDeferred = "trash-deferred"
    case imageHasNoParent = "image-has-no-parent"
    case imageEncrypted = "image-encrypted"
    case operationNotFound = "operation-not-found"
    case operationInProgress = "operation-in-progress"
    case operationFinished = "operation-finished"
    case operationStopped = "operation-stopped"
    case operationNotCancellable = "operation-not-cancellable"
    case groupNotFound = "group-not-found"
    case groupExists = "group-exists"
    case groupHasSnapshots = "group-has-snapshots"
    case imageNotInGroup = "image-not-in-group"
    case groupSnapshotNotFound = "group-snapshot-not-found"
    case groupSnapshotExists = "group-snapshot-exists"
    case groupSnapshotIncomplete = "group-snapshot-incomplete"
    case groupChanged = "group-changed"
    case snapshotProtected = "snapshot-protected"
    case snapshotHasClones = "snapshot-has-clones"
    case snapshotManaged = "snapshot-managed"
    case snapshotLimitReached = "snapshot-limit-reached"
    case namespaceNotEmpty = "namespace-not-empty"
    case poolDeletionDisabled = "pool-deletion-disabled"
    case poolBusy = "pool-busy"
    case poolFull = "pool-full"

    // The cluster or the service can't do it.
    case unsupportedByCluster = "unsupported-by-cluster"
    case credentialsRefused = "cluster-credentials-refused"
    case clusterUnavailable = "cluster-unavailable"
    case poolUnavailable = "pool-unavailable"
    case overloaded = "overloaded"
    case auditUnavailable = "audit-unavailable"
    case deadlineExceeded = "deadline-exceeded"
    case cephError = "ceph-error"
    case internalError = "internal-error"

    /// The HTTP status of the code, which is always the same.
    public var status: Int {
        switch self {
        case .malformedRequest, .malformedBody, .unknownField, .invalidParameter, .confirmationRequired: 400
        case .unauthenticated: 401
        case .forbidden: 403
        case .poolDeletionDisabled, .poolNotAllowed: 403
        case .routeNotFound, .poolNotFound, .namespaceNotFound, .imageNotFound, .snapshotNotFound, .trashEntryNotFound,
            .operationNotFound, .groupNotFound, .imageNotInGroup, .groupSnapshotNotFound, .lockNotFound,
            .watcherNotFound:
            404
        case .methodNotAllowed: 405
        case .requestTimeout: 408
        case .poolExists, .poolBusy, .namespaceExists, .namespaceNotEmpty, .imageExists, .imageDiffers, .imageInUse,
            .imageHasSnapshots, .imageInGroup, .imageMigrating, .imageReadOnly, .imageIncomplete, .imageUnreadable,
            .imageChanged, .parentNotFound,
            .changeInProgress, .imageHasNoParent, .imageEncrypted,
            .snapshotExists, .snapshotProtected, .snapshotHasClones, .snapshotManaged, .snapshotLimitReached,
            .trashDeferred, .operationInProgress, .operationFinished, .operationStopped, .operationNotCancellable,
            .groupExists, .groupHasSnapshots, .groupSnapshotExists, .groupSnapshotIncomplete, .groupChanged,
            .ownClient:
            409
        case .preconditionFailed: 412
        case .bodyTooLarge: 413
        case .unsupportedMediaType: 415
        case .expectationFailed: 417
        case .invalidName, .invalidSize, .invalidObjectSize, .invalidStriping, .invalidFeatures, .invalidMetadata,
            .invalidQoS, .invalidPoolOption,
            .invalidImageOption, .dataPoolNotFound, .poolErasureCoded, .sourceNotFound, .invalidSource,
            .invalidSnapshotLimit, .invalidPersistentVolume, .otherCluster:
            422
        case .headerTooLarge: 431
        case .cephError, .internalError: 500
        case .unsupportedByCluster: 501
        case .credentialsRefused: 502
        case .clusterUnavailable, .poolUnavailable, .overloaded, .auditUnavailable: 503
        case .deadlineExceeded: 504
        case .httpVersionNotSupported: 505
        case .poolFull: 507
        }
    }

    public var title: String {
        switch self {
        case .malformedRequest: "The request can't be read"
        case .requestTimeout: "The request took too long to arrive"
        case .headerTooLarge: "The head of the request is too large"
        case .expectationFailed: "The expectation can't be met"
        case .httpVersionNotSupported: "The HTTP version is not supported"
        case .malformedBody: "The body can't be read"
        case .unknownField: "The body has an unknown field"
        case .invalidParameter: "A parameter of the request is not valid"
        case .confirmationRequired: "The request must be confirmed"
        case .bodyTooLarge: "The body is too large"
        case .unsupportedMediaType: "The body is not JSON"
        case .unauthenticated: "The request is not authenticated"
        case .forbidden: "The caller's scopes do not allow this"
        case .routeNotFound: "The path does not exist"
        case .methodNotAllowed: "The method is not allowed here"
        case .invalidName: "The name is not valid"
        case .invalidSize: "The size is not valid"
        case .invalidObjectSize: "The object size is not valid"
        case .invalidStriping: "The striping is not valid"
        case .invalidFeatures: "The features are not valid"
        case .invalidMetadata: "The metadata is not valid"
        case .invalidQoS: "The limits are not valid"
        case .invalidPoolOption: "The pool can't have these options"
        case .invalidImageOption: "The image can't be created with these values"
        case .dataPoolNotFound: "The data pool does not exist"
        case .poolErasureCoded: "The pool is erasure-coded"
        case .sourceNotFound: "The source does not exist"
        case .invalidSource: "The source can't be cloned"
        case .invalidSnapshotLimit: "The limit is below the number of snapshots"
        case .invalidPersistentVolume: "The PersistentVolume is not valid"
        case .otherCluster: "The volume is in another cluster"
        case .poolNotAllowed: "Volumes may not have images in the pool"
        case .preconditionFailed: "The precondition of the request is not met"
        case .poolNotFound: "The pool does not exist"
        case .namespaceNotFound: "The namespace does not exist"
        case .imageNotFound: "The image does not exist"
        case .snapshotNotFound: "The snapshot does not exist"
        case .poolExists: "The pool exists already"
        case .imageExists: "The image exists already"
        case .snapshotExists: "The snapshot exists already"
        case .namespaceExists: "The namespace exists already"
        case .imageDiffers: "The image exists already and is different"
        case .imageInUse: "The image is in use"
        case .imageHasSnapshots: "The image has snapshots"
        case .imageInGroup: "The image belongs to a group"
        case .imageMigrating: "The image is being migrated"
        case .imageReadOnly: "The image can't be changed"
        case .imageIncomplete: "The image is being created or removed, or this was interrupted"
        case .imageUnreadable: "The image exists, but can't be read"
        case .imageChanged: "Another program changed the image during the request"
        case .parentNotFound: "The parent of the clone is gone"
        case .changeInProgress: "Another change is not finished"
        case .lockNotFound: "The lock does not exist"
        case .watcherNotFound: "The client does not have the image open"
        case .ownClient: "The client is the service itself"
        case .trashEntryNotFound: "The image is not in the trash"
        case .trashDeferred: "The image is still kept in the trash"
        case .imageHasNoParent: "The image is not a clone"
        case .imageEncrypted: "The clone is encrypted with its own key"
        case .operationNotFound: "The operation does not exist"
        case .operationInProgress: "Another operation on the image is not finished"
        case .operationFinished: "The operation is finished"
        case .operationStopped: "The operation was stopped"
        case .operationNotCancellable: "The operation can't be cancelled"
        case .groupNotFound: "The group does not exist"
        case .groupExists: "The group exists already"
        case .groupHasSnapshots: "The group has snapshots"
        case .imageNotInGroup: "The image does not belong to the group"
        case .groupSnapshotNotFound: "The group snapshot does not exist"
        case .groupSnapshotExists: "The group snapshot exists already"
        case .groupSnapshotIncomplete: "The group snapshot is incomplete"
        case .groupChanged: "The group's images have changed since the snapshot"
        case .snapshotProtected: "The snapshot is protected"
        case .snapshotHasClones: "The snapshot has clones"
        case .snapshotManaged: "The snapshot belongs to a group, the trash or mirroring"
        case .snapshotLimitReached: "The image has reached its limit of snapshots"
        case .namespaceNotEmpty: "The namespace is not empty"
        case .poolDeletionDisabled: "The cluster does not allow the pool to be deleted"
        case .poolBusy: "The pool is busy"
        case .poolFull: "The pool is full"
        case .unsupportedByCluster: "The cluster does not support this"
        case .credentialsRefused: "The cluster refused the service's credentials"
        case .clusterUnavailable: "The cluster can't be reached"
        case .poolUnavailable: "The pool does not answer"
        case .overloaded: "The service is busy"
        case .auditUnavailable: "The change could not be recorded in the audit log"
        case .deadlineExceeded: "The cluster did not answer in time"
        case .cephError: "Ceph reported an error"
        case .internalError: "The service failed"
        }
    }

    /// Whether the same request may succeed later without any repair.
    public var isRetryable: Bool {
        switch self {
        case .requestTimeout, .imageInUse, .poolBusy, .imageIncomplete, .imageChanged, .changeInProgress,
            .operationInProgress, .clusterUnavailable,
            .poolUnavailable, .overloaded, .auditUnavailable,
            .deadlineExceeded:
            true
        default: false
        }
    }
}
