// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

public import FoundationEssentials

/// What RBD keeps in an image's header.
public struct ImageInfo: Hashable, Sendable {
    public var name: String
    /// The name as it is, where it is not UTF-8.
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
    /// Nil where the image carries none.
    public var createdAt: Date?
    /// When it was last written to, as far as its clients note it (`rbd_mtime_update_interval`). Nil where it carries none.
    public var modifiedAt: Date?
    /// When it was last read, as far as its clients note it (`rbd_atime_update_interval`). Nil where it carries none.
    public var accessedAt: Date?
    /// The pool that holds the data, where it is not the image's own; `#` and its id where that pool is gone.
    public var dataPool: String?
    public var parent: Parent?
    /// The parent that only its snapshots still see: the image itself was flattened, without `deep-flatten`.
    public var snapshotsParent: Parent?
    public var group: Group?
    /// A removal of it has begun, and was interrupted or still goes on: what is read of it may be gone in a moment.
    public var isBeingRemoved = false
    /// Nil in lists, which do not read it.
    public var metadata: [String: String]?
    /// Why no more than name and id can be told of it, in lists; nil where all is true that is told.
    public var trouble: CephError?

    /// The name as RBD keeps it.
    public var fullName: RawName { RawName(bytes: rawName ?? Array(name.utf8)) }

    /// Where it is in the order of the pool's images.
    public var position: ImagePosition { ImagePosition(name: rawName ?? Array(name.utf8), id: id) }

    /// How many objects its data can take up.
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
        /// Empty where the parent can't be read any more.
        public var image: String
        public var imageID: String
        public var snapshot: String
        /// How much of the parent the clone still sees.
        public var overlapBytes: UInt64
    }
}

extension ImageInfo {
    /// An image of which no more can be told.
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
        /// The one that the image is in, too.
        public var namespace: String
        /// `#` and the id where it can't be read.
        public var name: String
    }
}

/// What a new image is to be; nil leaves a value to the pool's and the cluster's defaults.
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
