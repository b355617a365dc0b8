// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

public import FoundationEssentials

/// The contents of an image's header.
public struct ImageInfo: Hashable, Sendable {
    public var name: String
    /// The exact name, if it is not UTF-8.
    var rawName: [UInt8]?
    /// Stays the same when the image is renamed. Empty for images of the old format 1.
    public var id: String
    public var sizeBytes: UInt64
    public var objectSizeBytes: UInt64
    public var stripeUnitBytes: UInt64
    public var stripeCount: UInt64
    public var features: ImageFeatures
    public var operationFeatures: OperationFeatures = []
    public var flags: ImageFlags = []
    public var snapshotCount: Int
    /// Nil if the image has no such time.
    public var createdAt: Date?
    /// When the image was last written to, as its clients record it (`rbd_mtime_update_interval`). Nil if it has no
    /// such time.
    public var modifiedAt: Date?
    /// When the image was last read, as its clients record it (`rbd_atime_update_interval`). Nil if it has no such
    /// time.
    public var accessedAt: Date?
    /// The pool that holds the data, if it is not the image's own pool; `#` and the pool's id if that pool no longer
    /// exists.
    public var dataPool: String?
    public var parent: Parent?
    /// A parent that only the snapshots still see: the image itself was flattened, without `deep-flatten`.
    public var snapshotsParent: Parent?
    public var group: Group?
    /// A removal of the image has begun, and either continues or was interrupted. All of the image's data may be gone
    /// in a moment.
    public var isBeingRemoved = false
    /// Nil in lists, which do not read it.
    public var metadata: [String: String]?
    /// In lists: why only the name and the id are known; nil if everything here is valid.
    public var trouble: CephError?

    /// The name as RBD stores it.
    public var fullName: RawName { RawName(bytes: rawName ?? Array(name.utf8)) }

    /// The position of the image in the order of the pool's images.
    public var position: ImagePosition { ImagePosition(name: rawName ?? Array(name.utf8), id: id) }

    /// The maximum number of objects that its data can occupy.
    public var objectCount: UInt64 {
        let period = objectSizeBytes * stripeCount
        let remainder = sizeBytes % period
        // The last period of a striped image may not reach all of its objects.
        let stripes = (remainder + stripeUnitBytes - 1) / stripeUnitBytes
        let unreached = remainder > 0 && stripes < stripeCount ? stripeCount - stripes : 0
        return (sizeBytes / period + (remainder > 0 ? 1 : 0)) * stripeCount - unreached
    }

    /// The snapshot that an image was cloned from.
    public struct Parent: Hashable, Sendable {
        public var pool: String
        public var namespace: String
        /// Empty if the parent can't be read any more.
        public var image: String
        public var imageID: String
        public var snapshot: String
        /// How much of the parent the clone can still see.
        public var overlapBytes: UInt64
    }
}

extension ImageInfo {
    /// An image that can't be read.
    init(_ entry: ImageReader.Entry, trouble: CephError) {
        self.init(
            name: entry.name,
            rawName: entry.rawName,
            id: entry.id,
            sizeBytes: 0,
            objectSizeBytes: 0,
            stripeUnitBytes: 0,
            stripeCount: 0,
            features: [],
            snapshotCount: 0,
            isBeingRemoved: entry.isBeingRemoved,
            trouble: trouble
        )
    }

    /// The group that an image is in.
    public struct Group: Hashable, Sendable {
        public var pool: String
        /// The group's namespace, which is also the image's.
        public var namespace: String
        /// `#` and the group's id if the name can't be read.
        public var name: String
    }
}

/// The properties of a new image; nil uses the default of the pool or the cluster.
public struct ImageOptions: Hashable, Sendable {
    public var features: ImageFeatures?
    /// The binary logarithm of the object size: 12 (4 KiB) to 25 (32 MiB).
    public var objectOrder: UInt8?
    public var stripeUnitBytes: UInt64?
    public var stripeCount: UInt64?
    public var dataPool: String?

    public init(
        features: ImageFeatures? = nil,
        objectOrder: UInt8? = nil,
        stripeUnitBytes: UInt64? = nil,
        stripeCount: UInt64? = nil,
        dataPool: String? = nil
    ) {
        self.features = features
        self.objectOrder = objectOrder
        self.stripeUnitBytes = stripeUnitBytes
        self.stripeCount = stripeCount
        self.dataPool = dataPool
    }
}
