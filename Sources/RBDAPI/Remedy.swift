// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

public import Naming

/// What solves a problem, as data. Each client puts it into its own words: ``hint`` is for clients of the HTTP API,
/// `rbdctl` names its commands and options.
///
/// Newer services may send actions and kinds that a client does not know.
public struct Remedy: Codable, Hashable, Sendable {
    /// What to do.
    public var action: Action
    /// The kind of objects to act on.
    public var kind: Kind?
    /// The object to act on, as Ceph writes it, such as `rbd/vol-1@daily`; the pool or image whose objects to list; or
    /// the id of an operation.
    public var subject: String?
    /// The field, query parameter or header to send, change or leave out.
    public var field: String?
    /// The value of the field; the client that holds a lock; or the group that an image belongs to.
    public var value: String?
    /// Whether the operation can be cancelled.
    public var cancellable: Bool?

    private init(
        _ action: Action,
        _ kind: Kind? = nil,
        subject: String? = nil,
        field: String? = nil,
        value: String? = nil,
        cancellable: Bool? = nil
    ) {
        self.action = action
        self.kind = kind
        self.subject = subject
        self.field = field
        self.value = value
        self.cancellable = cancellable
    }

    /// What to do. The texts are the contract: none is renamed or reused.
    public struct Action: RawRepresentable, Codable, Hashable, Sendable, CaseIterable {
        public let rawValue: String

        public init(rawValue: String) {
            self.rawValue = rawValue
        }

        /// Send the request again with `field`, which confirms it.
        public static let confirm = Action(rawValue: "confirm")
        /// List the objects of a kind.
        public static let list = Action(rawValue: "list")
        /// Create an object.
        public static let create = Action(rawValue: "create")
        /// Delete an object, or finish its deletion.
        public static let delete = Action(rawValue: "delete")
        /// Restore an image from the trash.
        public static let restore = Action(rawValue: "restore")
        /// Restore an image from the trash, to end its clients and break its locks.
        public static let restoreToFree = Action(rawValue: "restore-to-free")
        /// Set a field of an object.
        public static let set = Action(rawValue: "set")
        /// End the clients that have an image open.
        public static let endClients = Action(rawValue: "end-clients")
        /// Ask for the steps that free an image.
        public static let explain = Action(rawValue: "explain")
        /// Wait for an operation, or cancel it.
        public static let follow = Action(rawValue: "follow")
        /// Name the image and the snapshot to clone.
        public static let nameSource = Action(rawValue: "name-source")
        /// Find out whether the change was made.
        public static let checkOutcome = Action(rawValue: "check-outcome")
        /// Find out whether the cluster answers, and try again.
        public static let checkCluster = Action(rawValue: "check-cluster")
        /// Send credentials.
        public static let authenticate = Action(rawValue: "authenticate")
        /// Read the image again, and send its entity tag.
        public static let readTag = Action(rawValue: "read-tag")
        /// Send a header.
        public static let sendHeader = Action(rawValue: "send-header")
        /// Leave a header out.
        public static let leaveOut = Action(rawValue: "leave-out")
        /// Look up the paths in the contract.
        public static let listPaths = Action(rawValue: "list-paths")
        /// Use one of the methods in `value`.
        public static let useMethod = Action(rawValue: "use-method")

        /// All actions that this version knows.
        public static let allCases: [Action] = [
            .confirm, .list, .create, .delete, .restore, .restoreToFree, .set, .endClients, .explain, .follow,
            .nameSource,
            .checkOutcome, .checkCluster, .authenticate, .readTag, .sendHeader, .leaveOut, .listPaths, .useMethod,
        ]
    }

    /// A kind of objects. The texts are the contract: none is renamed or reused.
    public struct Kind: RawRepresentable, Codable, Hashable, Sendable, CaseIterable {
        public let rawValue: String

        public init(rawValue: String) {
            self.rawValue = rawValue
        }

        public static let pool = Kind(rawValue: "pool")
        public static let namespace = Kind(rawValue: "namespace")
        public static let image = Kind(rawValue: "image")
        public static let snapshot = Kind(rawValue: "snapshot")
        /// A client that has an image open.
        public static let watcher = Kind(rawValue: "watcher")
        public static let lock = Kind(rawValue: "lock")
        public static let group = Kind(rawValue: "group")
        /// An image as a member of a group.
        public static let groupImage = Kind(rawValue: "group-image")
        public static let groupSnapshot = Kind(rawValue: "group-snapshot")
        public static let trashEntry = Kind(rawValue: "trash-entry")
        public static let operation = Kind(rawValue: "operation")

        /// All kinds that this version knows.
        public static let allCases: [Kind] = [
            .pool, .namespace, .image, .snapshot, .watcher, .lock, .group, .groupImage, .groupSnapshot, .trashEntry,
            .operation,
        ]
    }

    /// The same remedy with other texts in place of the subject and the value.
    public func mapNames(_ transform: (String) -> String) -> Remedy {
        var remedy = self
        remedy.subject = subject.map(transform)
        remedy.value = value.map(transform)
        return remedy
    }
}

// MARK: Confirming

extension Remedy {
    /// Repeat the name of the object that loses data.
    /// - Parameters:
    ///   - name: the name of the pool or the snapshot, or the client that is shut out.
    ///   - kind: what has that name. For watchers and locks, the name is the client's.
    public static func confirm(_ name: String, of kind: Kind) -> Remedy {
        Remedy(.confirm, kind, field: "confirm", value: name)
    }

    /// Allow that an image becomes smaller, and repeat its size.
    public static func confirmShrink(to size: ByteCount) -> Remedy {
        Remedy(.confirm, .image, field: "allowShrink", value: "\(size.bytes)")
    }

    /// Confirm that an image of format 1 is removed for good: the trash can't hold it.
    public static let confirmPurgeOfOldFormat = Remedy(.confirm, .image, field: "purge", value: "true")

    /// Confirm that an image in the trash is purged before its time.
    public static let confirmEarlyPurge = Remedy(.confirm, .trashEntry, field: "force", value: "true")

    /// Confirm that all expired images are purged.
    public static let confirmPurgeOfExpired = Remedy(.confirm, .trashEntry, field: "expired", value: "true")

    /// Confirm that a snapshot with clones is deleted.
    public static let confirmDeletionDespiteClones = Remedy(.confirm, .snapshot, field: "evenIfCloned", value: "true")
}

// MARK: Acting on objects

extension Remedy {
    /// List the pools, or create one.
    public static let listPools = Remedy(.list, .pool)
    /// List the operations.
    public static let listOperations = Remedy(.list, .operation)

    /// List the images in the trash.
    /// - Parameter place: the pool and the namespace.
    public static func listTrash(of place: Place) -> Remedy { Remedy(.list, .trashEntry, subject: "\(place)") }
    /// List the groups, or create one.
    public static func listGroups(of place: Place) -> Remedy { Remedy(.list, .group, subject: "\(place)") }
    /// List the snapshots of an image.
    public static func listSnapshots(of image: ImageSpec) -> Remedy { Remedy(.list, .snapshot, subject: "\(image)") }
    /// List the clients that have an image open.
    public static func listWatchers(of image: ImageSpec) -> Remedy { Remedy(.list, .watcher, subject: "\(image)") }
    /// List the locks of an image.
    public static func listLocks(of image: ImageSpec) -> Remedy { Remedy(.list, .lock, subject: "\(image)") }
    /// List the images of a group.
    public static func listImages(of group: GroupSpec) -> Remedy { Remedy(.list, .groupImage, subject: "\(group)") }
    /// List the snapshots of a group.
    public static func listSnapshots(of group: GroupSpec) -> Remedy {
        Remedy(.list, .groupSnapshot, subject: "\(group)")
    }

    /// Create a namespace.
    /// - Parameter place: the pool, and the namespace to create.
    public static func createNamespace(_ place: Place) -> Remedy { Remedy(.create, .namespace, subject: "\(place)") }

    /// Delete an image, or finish its deletion.
    public static func delete(_ image: ImageSpec) -> Remedy { Remedy(.delete, .image, subject: "\(image)") }
    /// Delete the snapshot of a group.
    public static func delete(_ snapshot: GroupSnapshotSpec) -> Remedy {
        Remedy(.delete, .groupSnapshot, subject: "\(snapshot)")
    }
    /// Break a lock.
    /// - Parameter client: the client that holds the lock.
    public static func breakLock(on image: ImageSpec, of client: String) -> Remedy {
        Remedy(.delete, .lock, subject: "\(image)", value: client)
    }
    /// Remove an image from its group.
    /// - Parameter group: the group as `pool/group` or `pool/namespace/group`.
    public static func remove(_ image: ImageSpec, fromGroup group: String) -> Remedy {
        Remedy(.delete, .groupImage, subject: "\(image)", value: group)
    }

    /// Purge an image in the trash, or finish its removal.
    /// - Parameter entry: the image's spec with its id in place of its name.
    public static func purge(_ entry: ImageSpec) -> Remedy { Remedy(.delete, .trashEntry, subject: "\(entry)") }
    /// Restore an image from the trash.
    public static func restore(_ entry: ImageSpec) -> Remedy { Remedy(.restore, .trashEntry, subject: "\(entry)") }
    /// Restore an image from the trash, to end its clients and break its locks.
    public static func restoreToFree(_ entry: ImageSpec) -> Remedy {
        Remedy(.restoreToFree, .trashEntry, subject: "\(entry)")
    }

    /// End the clients that have an image open.
    public static func endClients(of image: ImageSpec) -> Remedy { Remedy(.endClients, .image, subject: "\(image)") }
    /// Ask for the steps that free an image.
    public static func explain(_ image: ImageSpec) -> Remedy { Remedy(.explain, .image, subject: "\(image)") }

    /// Remove the protection of a snapshot.
    public static func unprotect(_ snapshot: SnapshotSpec) -> Remedy {
        Remedy(.set, .snapshot, subject: "\(snapshot)", field: "protected", value: "false")
    }
    /// Raise the limit of snapshots, or delete one.
    public static func raiseSnapshotLimit(of image: ImageSpec) -> Remedy {
        Remedy(.set, .image, subject: "\(image)", field: "limit")
    }
    /// Make a pool ready for RBD.
    public static func enableApplication(ofPool pool: String) -> Remedy {
        Remedy(.set, .pool, subject: pool, field: "application", value: "rbd")
    }
    /// Enable a feature of an image.
    /// - Parameter feature: Ceph's name of the feature.
    public static func enableFeature(_ feature: String, of image: ImageSpec) -> Remedy {
        Remedy(.set, .image, subject: "\(image)", field: "enableFeatures", value: feature)
    }
    /// Set a limit as a limit, and not as metadata.
    public static func setLimit(_ limit: QoSLimit) -> Remedy {
        Remedy(.set, .image, field: "qos", value: limit.rawValue)
    }

    /// Wait for an operation, or cancel it.
    /// - Parameter operation: its id.
    public static func follow(operation: String, cancellable: Bool) -> Remedy {
        Remedy(.follow, .operation, subject: operation, cancellable: cancellable)
    }
}

// MARK: Correcting the request

extension Remedy {
    /// Name an image and a snapshot that exist.
    public static let nameSource = Remedy(.nameSource, .snapshot, field: "source")
    /// Find out whether the change was made.
    public static let checkOutcome = Remedy(.checkOutcome)
    /// Find out whether the cluster answers, and try again.
    public static let checkCluster = Remedy(.checkCluster)
    /// Send credentials.
    public static let authenticate = Remedy(.authenticate, field: "Authorization")
    /// Read the image again, and send its entity tag.
    public static let readTag = Remedy(.readTag, .image, field: "If-Match")
    /// Look up the paths in the contract.
    public static let listPaths = Remedy(.listPaths)

    /// Send a header.
    public static func sendHeader(_ name: String, _ value: String) -> Remedy {
        Remedy(.sendHeader, field: name, value: value)
    }
    /// Leave a header out.
    public static func leaveOutHeader(_ name: String) -> Remedy { Remedy(.leaveOut, field: name) }
    /// Use another method.
    /// - Parameter methods: separated by commas.
    public static func useMethod(_ methods: String) -> Remedy { Remedy(.useMethod, value: methods) }
}
