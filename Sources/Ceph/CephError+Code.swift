// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

extension CephError {
    /// What an error means. Newer releases may have more codes.
    public struct Code: Hashable, Sendable {
        public let rawValue: String
        /// Whether the same call may succeed later without any repair.
        public let isRetriable: Bool
        /// Whether the error is about the pool, the connection or the service, and not about the image that met it.
        public let isOfTheWholePool: Bool
        /// Own wording, because that of strerror misleads: it calls a blocklisted client "transport endpoint shutdown".
        let sentence: @Sendable (Resource) -> String

        package init(
            _ rawValue: String,
            isRetriable: Bool = false,
            isOfTheWholePool: Bool = false,
            _ sentence: @escaping @Sendable (Resource) -> String
        ) {
            (self.rawValue, self.sentence) = (rawValue, sentence)
            (self.isRetriable, self.isOfTheWholePool) = (isRetriable, isOfTheWholePool)
        }

        public static func == (one: Code, other: Code) -> Bool { one.rawValue == other.rawValue }

        public func hash(into hasher: inout Hasher) { hasher.combine(rawValue) }
    }
}

extension CephError.Code: CustomStringConvertible {
    public var description: String { rawValue }
}

/// A row for each code.
extension CephError.Code {
    public static let poolNotFound = Self("poolNotFound", isOfTheWholePool: true) { "\($0) does not exist" }
    public static let namespaceNotFound = Self("namespaceNotFound", isOfTheWholePool: true) { "\($0) does not exist" }
    public static let imageNotFound = Self("imageNotFound") { "\($0) does not exist" }
    public static let dataPoolNotFound = Self("dataPoolNotFound") { _ in "the data pool does not exist" }
    public static let trashEntryNotFound = Self("trashEntryNotFound") { "\($0) is not in the trash" }
    public static let poolExists = Self("poolExists") { "\($0) exists already" }
    public static let imageExists = Self("imageExists") { "\($0) exists already" }
    public static let trashDeferred = Self("trashDeferred") { "\($0) must still be kept in the trash" }
    public static let imageHasNoParent = Self("imageHasNoParent") {
        "\($0) is not a clone, so there is nothing to flatten"
    }
    public static let imageEncrypted = Self("imageEncrypted") {
        "\($0) is a clone with its own encryption key: without the passphrases, this would destroy its data"
    }
    public static let imageBusy = Self("imageBusy", isRetriable: true) {
        "\($0) is in use: a client has it open, or it is being changed"
    }
    public static let imageHasSnapshots = Self("imageHasSnapshots") { "\($0) has snapshots" }
    public static let imageInGroup = Self("imageInGroup") { "\($0) belongs to a group" }
    public static let imageReadOnly = Self("imageReadOnly") { "\($0) can only be read" }
    public static let imageIncomplete = Self("imageIncomplete", isRetriable: true) {
        "the name of \($0) is taken, but leads to no image: it is being created, or creating it was interrupted"
    }
    public static let imageUnreadable = Self("imageUnreadable") { "\($0) exists, but can't be read" }
    public static let imageChanged = Self("imageChanged", isRetriable: true) {
        "another client has changed \($0) at the same time"
    }
    public static let parentNotFound = Self("parentNotFound") {
        "\($0) is a clone whose parent is gone: the data that they share can't be read"
    }
    public static let lockNotFound = Self("lockNotFound") { "\($0) has no such lock" }
    public static let watcherNotFound = Self("watcherNotFound") { "no such client has \($0) open" }
    public static let ownClient = Self("ownClient") { "the client that uses \($0) is the service itself" }
    public static let groupNotFound = Self("groupNotFound") { "\($0) does not exist" }
    public static let groupExists = Self("groupExists") { "\($0) exists already" }
    public static let groupHasSnapshots = Self("groupHasSnapshots") { "\($0) has snapshots of its own" }
    public static let imageNotInGroup = Self("imageNotInGroup") { "\($0) does not belong to the group" }
    public static let groupSnapshotNotFound = Self("groupSnapshotNotFound") { "\($0) does not exist" }
    public static let groupSnapshotExists = Self("groupSnapshotExists") { "\($0) exists already" }
    public static let groupSnapshotIncomplete = Self("groupSnapshotIncomplete") {
        "\($0) is incomplete: creating it was interrupted, or is still in progress"
    }
    public static let groupChanged = Self("groupChanged") {
        "the images of the group have changed since \($0) was taken"
    }
    public static let poolDeletionDisabled = Self("poolDeletionDisabled") {
        "the cluster does not allow \($0) to be deleted"
    }
    public static let poolFull = Self("poolFull") { "the pool of \($0) is full or over its quota" }
    public static let poolErasureCoded = Self("poolErasureCoded") {
        "the pool of \($0) is erasure-coded: it holds the data of images, but not images"
    }
    public static let poolBusy = Self("poolBusy", isRetriable: true) { "\($0) is still busy with an earlier change" }
    public static let snapshotNotFound = Self("snapshotNotFound") { "\($0) does not exist" }
    public static let snapshotExists = Self("snapshotExists") { "\($0) exists already" }
    public static let snapshotProtected = Self("snapshotProtected") { "\($0) is protected" }
    public static let snapshotHasClones = Self("snapshotHasClones") { "\($0) has clones" }
    public static let snapshotManaged = Self("snapshotManaged") {
        "\($0) was not created by a user, and can't be changed"
    }
    public static let snapshotLimitReached = Self("snapshotLimitReached") {
        "\($0) would exceed the image's snapshot limit"
    }
    public static let invalidSnapshotLimit = Self("invalidSnapshotLimit") {
        "\($0) has more snapshots than the limit would allow"
    }
    public static let sourceNotFound = Self("sourceNotFound") { "\($0) does not exist" }
    public static let invalidSource = Self("invalidSource") { "\($0) can't be cloned" }
    public static let namespaceExists = Self("namespaceExists") { "\($0) exists already" }
    public static let namespaceNotEmpty = Self("namespaceNotEmpty") { "\($0) is not empty" }
    public static let invalidObjectSize = Self("invalidObjectSize") { "Ceph refused the object size for \($0)" }
    public static let invalidFeatures = Self("invalidFeatures") {
        "Ceph does not know all the features requested for \($0)"
    }
    public static let invalidMetadata = Self("invalidMetadata") { "Ceph refused the metadata for \($0)" }
    public static let invalidImageOption = Self("invalidImageOption") { "Ceph refused the values for \($0)" }
    public static let invalidPoolOption = Self("invalidPoolOption") { "Ceph refused the values for \($0)" }
    public static let invalidConfiguration = Self("invalidConfiguration") { _ in "Ceph refused the configuration" }
    public static let unsupported = Self("unsupported") { "the cluster does not support this on \($0)" }
    public static let keyringNotFound = Self("keyringNotFound") { _ in
        "the configured user has no key: there is no keyring, or the user is not in it"
    }
    public static let keyUnsupported = Self("keyUnsupported") { _ in
        "librados \(Cluster.libradosVersion) can't use the configured user's key: it is damaged, or of the type aes256k, "
            + "which needs librados 19.2.6, 20.2.4 or newer"
    }
    public static let credentialsRefused = Self("credentialsRefused", isOfTheWholePool: true) {
        "the cluster refused the service's credentials for \($0)"
    }
    public static let clientBlocklisted = Self("clientBlocklisted", isRetriable: true, isOfTheWholePool: true) { _ in
        "the cluster has shut this client out (blocklisted)"
    }
    public static let clusterUnreachable = Self("clusterUnreachable", isRetriable: true, isOfTheWholePool: true) { _ in
        "the cluster can't be reached"
    }
    public static let poolUnavailable = Self("poolUnavailable", isRetriable: true, isOfTheWholePool: true) { resource in
        "\(resource.pool.map { "pool \"\($0)\"" } ?? "the pool") does not answer; it is checked every second"
    }
    public static let timedOut = Self("timedOut", isRetriable: true, isOfTheWholePool: true) {
        "the cluster did not answer in time for \($0)"
    }
    public static let notStarted = Self("notStarted", isRetriable: true, isOfTheWholePool: true) {
        "earlier calls took all the time available for \($0); this call was not started"
    }
    public static let overloaded = Self("overloaded", isRetriable: true, isOfTheWholePool: true) { _ in
        "too many calls to the cluster are waiting"
    }
    public static let shutDown = Self("shutDown", isRetriable: true, isOfTheWholePool: true) { _ in
        "the connection to the cluster is closed"
    }
    public static let stopped = Self("stopped") { "the work on \($0) was interrupted" }
    public static let other = Self("other") { "Ceph reported an error for \($0)" }
}
