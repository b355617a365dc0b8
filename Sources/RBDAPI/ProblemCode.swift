// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

/// A `code` that a problem can carry. The texts are the contract: a code is never renamed and never reused.
///
/// Newer services may have more codes. The codes below are those that the sources mention by name. If only an error of
/// Ceph has a code, the row of that error declares it, in `CephError+Meaning.swift`.
public struct ProblemCode: Hashable, Sendable {
    /// The text of the code, as problems carry it.
    public let rawValue: String
    /// The HTTP status of the code, which is always the same.
    public let status: Int
    public let title: String
    /// Whether the same request may succeed later without any repair.
    public let isRetryable: Bool

    package init(_ rawValue: String, _ status: Int, _ title: String, isRetryable: Bool = false) {
        (self.rawValue, self.status, self.title, self.isRetryable) = (rawValue, status, title, isRetryable)
    }

    /// Codes are the same if their texts are.
    public static func == (one: ProblemCode, other: ProblemCode) -> Bool { one.rawValue == other.rawValue }

    public func hash(into hasher: inout Hasher) { hasher.combine(rawValue) }

    // The request can't be read.
    public static let malformedRequest = Self("malformed-request", 400, "The request can't be read")
    public static let requestTimeout = Self(
        "request-timeout",
        408,
        "The request took too long to arrive",
        isRetryable: true
    )
    public static let headerTooLarge = Self("header-too-large", 431, "The head of the request is too large")
    public static let expectationFailed = Self("expectation-failed", 417, "The expectation can't be met")
    public static let httpVersionNotSupported = Self(
        "http-version-not-supported",
        505,
        "The HTTP version is not supported"
    )
    public static let malformedBody = Self("malformed-body", 400, "The body can't be read")
    public static let unknownField = Self("unknown-field", 400, "The body has an unknown field")
    public static let invalidParameter = Self("invalid-parameter", 400, "A parameter of the request is not valid")
    public static let confirmationRequired = Self("confirmation-required", 400, "The request must be confirmed")
    public static let bodyTooLarge = Self("body-too-large", 413, "The body is too large")
    public static let unsupportedMediaType = Self("unsupported-media-type", 415, "The body is not JSON")
    public static let unauthenticated = Self("unauthenticated", 401, "The request is not authenticated")
    public static let forbidden = Self("forbidden", 403, "The caller's scopes do not allow this")
    public static let routeNotFound = Self("route-not-found", 404, "The path does not exist")
    public static let methodNotAllowed = Self("method-not-allowed", 405, "The method is not allowed here")

    // The request can be read, but its values are not acceptable.
    public static let invalidName = Self("invalid-name", 422, "The name is not valid")
    public static let invalidSize = Self("invalid-size", 422, "The size is not valid")
    public static let invalidObjectSize = Self("invalid-object-size", 422, "The object size is not valid")
    public static let invalidStriping = Self("invalid-striping", 422, "The striping is not valid")
    public static let invalidFeatures = Self("invalid-features", 422, "The features are not valid")
    public static let invalidMetadata = Self("invalid-metadata", 422, "The metadata is not valid")
    public static let invalidQoS = Self("invalid-qos", 422, "The limits are not valid")
    public static let invalidPoolOption = Self("invalid-pool-option", 422, "The pool can't have these options")
    public static let invalidImageOption = Self(
        "invalid-image-option",
        422,
        "The image can't be created with these values"
    )
    public static let dataPoolNotFound = Self("data-pool-not-found", 422, "The data pool does not exist")
    public static let invalidSource = Self("invalid-source", 422, "The source can't be cloned")
    public static let invalidSnapshotLimit = Self(
        "invalid-snapshot-limit",
        422,
        "The limit is below the number of snapshots"
    )
    public static let invalidPersistentVolume = Self(
        "invalid-persistent-volume",
        422,
        "The PersistentVolume is not valid"
    )
    public static let otherCluster = Self("other-cluster", 422, "The volume is in another cluster")
    public static let poolNotAllowed = Self("pool-not-allowed", 403, "Volumes may not have images in the pool")

    // The state of the cluster does not allow the request.
    public static let preconditionFailed = Self(
        "precondition-failed",
        412,
        "The precondition of the request is not met"
    )
    public static let poolNotFound = Self("pool-not-found", 404, "The pool does not exist")
    public static let namespaceNotFound = Self("namespace-not-found", 404, "The namespace does not exist")
    public static let imageNotFound = Self("image-not-found", 404, "The image does not exist")
    public static let snapshotNotFound = Self("snapshot-not-found", 404, "The snapshot does not exist")
    public static let imageExists = Self("image-exists", 409, "The image exists already")
    public static let imageDiffers = Self("image-differs", 409, "The image exists already and is different")
    public static let imageInUse = Self("image-in-use", 409, "The image is in use", isRetryable: true)
    public static let imageHasSnapshots = Self("image-has-snapshots", 409, "The image has snapshots")
    public static let imageInGroup = Self("image-in-group", 409, "The image belongs to a group")
    public static let imageMigrating = Self("image-migrating", 409, "The image is being migrated")
    public static let imageIncomplete = Self(
        "image-incomplete",
        409,
        "The image is being created or removed, or this was interrupted",
        isRetryable: true
    )
    public static let imageUnreadable = Self("image-unreadable", 409, "The image exists, but can't be read")
    public static let imageChanged = Self(
        "image-changed",
        409,
        "Another program changed the image during the request",
        isRetryable: true
    )
    public static let changeInProgress = Self(
        "change-in-progress",
        409,
        "Another change is not finished",
        isRetryable: true
    )
    public static let lockNotFound = Self("lock-not-found", 404, "The lock does not exist")
    public static let trashEntryNotFound = Self("trash-entry-not-found", 404, "The image is not in the trash")
    public static let operationNotFound = Self("operation-not-found", 404, "The operation does not exist")
    public static let operationInProgress = Self(
        "operation-in-progress",
        409,
        "Another operation on the image is not finished",
        isRetryable: true
    )
    public static let operationFinished = Self("operation-finished", 409, "The operation is finished")
    public static let operationStopped = Self("operation-stopped", 409, "The operation was stopped")
    public static let operationNotCancellable = Self(
        "operation-not-cancellable",
        409,
        "The operation can't be cancelled"
    )
    public static let groupNotFound = Self("group-not-found", 404, "The group does not exist")
    public static let groupHasSnapshots = Self("group-has-snapshots", 409, "The group has snapshots")
    public static let groupChanged = Self("group-changed", 409, "The group's images have changed since the snapshot")
    public static let snapshotProtected = Self("snapshot-protected", 409, "The snapshot is protected")
    public static let snapshotHasClones = Self("snapshot-has-clones", 409, "The snapshot has clones")
    public static let imageAdopted = Self("image-adopted", 409, "The image is a volume of Kubernetes")
    public static let volumeNotFound = Self("volume-not-found", 404, "The image is not a volume")
    public static let volumeOwned = Self("volume-owned", 409, "The image is a volume already")
    public static let claimTaken = Self("claim-taken", 409, "The claim has another volume")
    public static let volumeNotAdopted = Self("volume-not-adopted", 409, "The volume was not adopted like this")
    public static let volumeHasDependents = Self(
        "volume-has-dependents",
        409,
        "The volume has snapshots or clones of ceph-csi"
    )
    public static let poolFull = Self("pool-full", 507, "The pool is full")

    // The cluster or the service can't do it.
    public static let unsupportedByCluster = Self("unsupported-by-cluster", 501, "The cluster does not support this")
    public static let credentialsRefused = Self(
        "cluster-credentials-refused",
        502,
        "The cluster refused the service's credentials"
    )
    public static let clusterUnavailable = Self(
        "cluster-unavailable",
        503,
        "The cluster can't be reached",
        isRetryable: true
    )
    public static let poolUnavailable = Self("pool-unavailable", 503, "The pool does not answer", isRetryable: true)
    public static let overloaded = Self("overloaded", 503, "The service is busy", isRetryable: true)
    public static let auditUnavailable = Self(
        "audit-unavailable",
        503,
        "The change could not be recorded in the audit log",
        isRetryable: true
    )
    public static let deadlineExceeded = Self(
        "deadline-exceeded",
        504,
        "The cluster did not answer in time",
        isRetryable: true
    )
    public static let cephError = Self("ceph-error", 500, "Ceph reported an error")
    public static let internalError = Self("internal-error", 500, "The service failed")
}
