// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

/// Every `code` that a problem can carry. The texts are the contract: a code is never renamed and never reused.
public struct ProblemCode: RawRepresentable, Hashable, CaseIterable, Sendable {
    /// The text of the code, as problems carry it.
    public let rawValue: String
    /// The HTTP status of the code, which is always the same.
    public let status: Int
    public let title: String
    /// Whether the same request may succeed later without any repair.
    public let isRetryable: Bool

    private init(_ rawValue: String, _ status: Int, _ title: String, isRetryable: Bool = false) {
        (self.rawValue, self.status, self.title, self.isRetryable) = (rawValue, status, title, isRetryable)
    }

    /// - Parameter rawValue: the text of the code. Nil for a code that this release does not know.
    public init?(rawValue: String) {
        guard let code = Self.byText[rawValue] else { return nil }
        self = code
    }

    private static let byText = Dictionary(uniqueKeysWithValues: allCases.map { ($0.rawValue, $0) })

    public static func == (one: Self, other: Self) -> Bool { one.rawValue == other.rawValue }

    public func hash(into hasher: inout Hasher) { hasher.combine(rawValue) }

    // The request can't be read.
    public static let malformedRequest = ProblemCode("malformed-request", 400, "The request can't be read")
    public static let requestTimeout = ProblemCode(
        "request-timeout",
        408,
        "The request took too long to arrive",
        isRetryable: true
    )
    public static let headerTooLarge = ProblemCode("header-too-large", 431, "The head of the request is too large")
    public static let expectationFailed = ProblemCode("expectation-failed", 417, "The expectation can't be met")
    public static let httpVersionNotSupported = ProblemCode(
        "http-version-not-supported",
        505,
        "The HTTP version is not supported"
    )
    public static let malformedBody = ProblemCode("malformed-body", 400, "The body can't be read")
    public static let unknownField = ProblemCode("unknown-field", 400, "The body has an unknown field")
    public static let invalidParameter = ProblemCode(
        "invalid-parameter",
        400,
        "A parameter of the request is not valid"
    )
    public static let confirmationRequired = ProblemCode("confirmation-required", 400, "The request must be confirmed")
    public static let bodyTooLarge = ProblemCode("body-too-large", 413, "The body is too large")
    public static let unsupportedMediaType = ProblemCode("unsupported-media-type", 415, "The body is not JSON")
    public static let unauthenticated = ProblemCode("unauthenticated", 401, "The request is not authenticated")
    public static let forbidden = ProblemCode("forbidden", 403, "The caller's scopes do not allow this")
    public static let routeNotFound = ProblemCode("route-not-found", 404, "The path does not exist")
    public static let methodNotAllowed = ProblemCode("method-not-allowed", 405, "The method is not allowed here")

    // The request can be read, but its values are not acceptable.
    public static let invalidName = ProblemCode("invalid-name", 422, "The name is not valid")
    public static let invalidSize = ProblemCode("invalid-size", 422, "The size is not valid")
    public static let invalidObjectSize = ProblemCode("invalid-object-size", 422, "The object size is not valid")
    public static let invalidStriping = ProblemCode("invalid-striping", 422, "The striping is not valid")
    public static let invalidFeatures = ProblemCode("invalid-features", 422, "The features are not valid")
    public static let invalidMetadata = ProblemCode("invalid-metadata", 422, "The metadata is not valid")
    public static let invalidQoS = ProblemCode("invalid-qos", 422, "The limits are not valid")
    public static let invalidPoolOption = ProblemCode("invalid-pool-option", 422, "The pool can't have these options")
    public static let invalidImageOption = ProblemCode(
        "invalid-image-option",
        422,
        "The image can't be created with these values"
    )
    public static let dataPoolNotFound = ProblemCode("data-pool-not-found", 422, "The data pool does not exist")
    public static let poolErasureCoded = ProblemCode("pool-erasure-coded", 422, "The pool is erasure-coded")
    public static let sourceNotFound = ProblemCode("source-not-found", 422, "The source does not exist")
    public static let invalidSource = ProblemCode("invalid-source", 422, "The source can't be cloned")
    public static let invalidSnapshotLimit = ProblemCode(
        "invalid-snapshot-limit",
        422,
        "The limit is below the number of snapshots"
    )
    public static let invalidPersistentVolume = ProblemCode(
        "invalid-persistent-volume",
        422,
        "The PersistentVolume is not valid"
    )
    public static let otherCluster = ProblemCode("other-cluster", 422, "The volume is in another cluster")
    public static let poolNotAllowed = ProblemCode("pool-not-allowed", 403, "Volumes may not have images in the pool")

    // The state of the cluster does not allow the request.
    public static let preconditionFailed = ProblemCode(
        "precondition-failed",
        412,
        "The precondition of the request is not met"
    )
    public static let poolNotFound = ProblemCode("pool-not-found", 404, "The pool does not exist")
    public static let namespaceNotFound = ProblemCode("namespace-not-found", 404, "The namespace does not exist")
    public static let imageNotFound = ProblemCode("image-not-found", 404, "The image does not exist")
    public static let snapshotNotFound = ProblemCode("snapshot-not-found", 404, "The snapshot does not exist")
    public static let poolExists = ProblemCode("pool-exists", 409, "The pool exists already")
    public static let namespaceExists = ProblemCode("namespace-exists", 409, "The namespace exists already")
    public static let imageExists = ProblemCode("image-exists", 409, "The image exists already")
    public static let snapshotExists = ProblemCode("snapshot-exists", 409, "The snapshot exists already")
    public static let imageDiffers = ProblemCode("image-differs", 409, "The image exists already and is different")
    public static let imageInUse = ProblemCode("image-in-use", 409, "The image is in use", isRetryable: true)
    public static let imageHasSnapshots = ProblemCode("image-has-snapshots", 409, "The image has snapshots")
    public static let imageInGroup = ProblemCode("image-in-group", 409, "The image belongs to a group")
    public static let imageMigrating = ProblemCode("image-migrating", 409, "The image is being migrated")
    public static let imageReadOnly = ProblemCode("image-read-only", 409, "The image can't be changed")
    public static let imageIncomplete = ProblemCode(
        "image-incomplete",
        409,
        "The image is being created or removed, or this was interrupted",
        isRetryable: true
    )
    public static let imageUnreadable = ProblemCode("image-unreadable", 409, "The image exists, but can't be read")
    public static let imageChanged = ProblemCode(
        "image-changed",
        409,
        "Another program changed the image during the request",
        isRetryable: true
    )
    public static let parentNotFound = ProblemCode("parent-not-found", 409, "The parent of the clone is gone")
    public static let changeInProgress = ProblemCode(
        "change-in-progress",
        409,
        "Another change is not finished",
        isRetryable: true
    )
    public static let lockNotFound = ProblemCode("lock-not-found", 404, "The lock does not exist")
    public static let watcherNotFound = ProblemCode("watcher-not-found", 404, "The client does not have the image open")
    public static let ownClient = ProblemCode("own-client", 409, "The client is the service itself")
    public static let trashEntryNotFound = ProblemCode("trash-entry-not-found", 404, "The image is not in the trash")
    public static let trashDeferred = ProblemCode("trash-deferred", 409, "The image is still kept in the trash")
    public static let imageHasNoParent = ProblemCode("image-has-no-parent", 409, "The image is not a clone")
    public static let imageEncrypted = ProblemCode("image-encrypted", 409, "The clone is encrypted with its own key")
    public static let operationNotFound = ProblemCode("operation-not-found", 404, "The operation does not exist")
    public static let operationInProgress = ProblemCode(
        "operation-in-progress",
        409,
        "Another operation on the image is not finished",
        isRetryable: true
    )
    public static let operationFinished = ProblemCode("operation-finished", 409, "The operation is finished")
    public static let operationStopped = ProblemCode("operation-stopped", 409, "The operation was stopped")
    public static let operationNotCancellable = ProblemCode(
        "operation-not-cancellable",
        409,
        "The operation can't be cancelled"
    )
    public static let groupNotFound = ProblemCode("group-not-found", 404, "The group does not exist")
    public static let groupExists = ProblemCode("group-exists", 409, "The group exists already")
    public static let groupHasSnapshots = ProblemCode("group-has-snapshots", 409, "The group has snapshots")
    public static let imageNotInGroup = ProblemCode("image-not-in-group", 404, "The image does not belong to the group")
    public static let groupSnapshotNotFound = ProblemCode(
        "group-snapshot-not-found",
        404,
        "The group snapshot does not exist"
    )
    public static let groupSnapshotExists = ProblemCode(
        "group-snapshot-exists",
        409,
        "The group snapshot exists already"
    )
    public static let groupSnapshotIncomplete = ProblemCode(
        "group-snapshot-incomplete",
        409,
        "The group snapshot is incomplete"
    )
    public static let groupChanged = ProblemCode(
        "group-changed",
        409,
        "The group's images have changed since the snapshot"
    )
    public static let snapshotProtected = ProblemCode("snapshot-protected", 409, "The snapshot is protected")
    public static let snapshotHasClones = ProblemCode("snapshot-has-clones", 409, "The snapshot has clones")
    public static let snapshotManaged = ProblemCode(
        "snapshot-managed",
        409,
        "The snapshot belongs to a group, the trash or mirroring"
    )
    public static let snapshotLimitReached = ProblemCode(
        "snapshot-limit-reached",
        409,
        "The image has reached its limit of snapshots"
    )
    public static let namespaceNotEmpty = ProblemCode("namespace-not-empty", 409, "The namespace is not empty")
    public static let poolDeletionDisabled = ProblemCode(
        "pool-deletion-disabled",
        403,
        "The cluster does not allow the pool to be deleted"
    )
    public static let poolBusy = ProblemCode("pool-busy", 409, "The pool is busy", isRetryable: true)
    public static let poolFull = ProblemCode("pool-full", 507, "The pool is full")

    // The cluster or the service can't do it.
    public static let unsupportedByCluster = ProblemCode(
        "unsupported-by-cluster",
        501,
        "The cluster does not support this"
    )
    public static let credentialsRefused = ProblemCode(
        "cluster-credentials-refused",
        502,
        "The cluster refused the service's credentials"
    )
    public static let clusterUnavailable = ProblemCode(
        "cluster-unavailable",
        503,
        "The cluster can't be reached",
        isRetryable: true
    )
    public static let poolUnavailable = ProblemCode(
        "pool-unavailable",
        503,
        "The pool does not answer",
        isRetryable: true
    )
    public static let overloaded = ProblemCode("overloaded", 503, "The service is busy", isRetryable: true)
    public static let auditUnavailable = ProblemCode(
        "audit-unavailable",
        503,
        "The change could not be recorded in the audit log",
        isRetryable: true
    )
    public static let deadlineExceeded = ProblemCode(
        "deadline-exceeded",
        504,
        "The cluster did not answer in time",
        isRetryable: true
    )
    public static let cephError = ProblemCode("ceph-error", 500, "Ceph reported an error")
    public static let internalError = ProblemCode("internal-error", 500, "The service failed")

    /// All codes, in the order of this file. `openapi.yaml` lists the same; a test compares them.
    public static let allCases: [ProblemCode] = [
        .malformedRequest, .requestTimeout, .headerTooLarge, .expectationFailed, .httpVersionNotSupported,
        .malformedBody, .unknownField, .invalidParameter, .confirmationRequired, .bodyTooLarge,
        .unsupportedMediaType, .unauthenticated, .forbidden, .routeNotFound, .methodNotAllowed, .invalidName,
        .invalidSize, .invalidObjectSize, .invalidStriping, .invalidFeatures, .invalidMetadata, .invalidQoS,
        .invalidPoolOption, .invalidImageOption, .dataPoolNotFound, .poolErasureCoded, .sourceNotFound,
        .invalidSource, .invalidSnapshotLimit, .invalidPersistentVolume, .otherCluster, .poolNotAllowed,
        .preconditionFailed, .poolNotFound, .namespaceNotFound, .imageNotFound, .snapshotNotFound, .poolExists,
        .namespaceExists, .imageExists, .snapshotExists, .imageDiffers, .imageInUse, .imageHasSnapshots,
        .imageInGroup, .imageMigrating, .imageReadOnly, .imageIncomplete, .imageUnreadable, .imageChanged,
        .parentNotFound, .changeInProgress, .lockNotFound, .watcherNotFound, .ownClient, .trashEntryNotFound,
        .trashDeferred, .imageHasNoParent, .imageEncrypted, .operationNotFound, .operationInProgress,
        .operationFinished, .operationStopped, .operationNotCancellable, .groupNotFound, .groupExists,
        .groupHasSnapshots, .imageNotInGroup, .groupSnapshotNotFound, .groupSnapshotExists, .groupSnapshotIncomplete,
        .groupChanged, .snapshotProtected, .snapshotHasClones, .snapshotManaged, .snapshotLimitReached,
        .namespaceNotEmpty, .poolDeletionDisabled, .poolBusy, .poolFull, .unsupportedByCluster, .credentialsRefused,
        .clusterUnavailable, .poolUnavailable, .overloaded, .auditUnavailable, .deadlineExceeded, .cephError,
        .internalError,
    ]
}
