// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

public import Naming

/// An RBD image as the API shows it. Sizes are exact bytes; times are RFC 3339 in UTC.
public struct Image: Codable, Hashable, Sendable {
    /// `pool/name` or `pool/namespace/name`.
    public var spec: String
    public var pool: String
    /// Empty for the pool's default namespace.
    public var namespace: String
    public var name: String
    /// The image's id, which stays the same when it is renamed.
    public var id: String
    /// `ready`, or `removing` if the removal has begun, and either continues or was interrupted. In lists also
    /// `incomplete` if the name is taken but there is no complete image behind it, and `unreadable` if the image can't
    /// be read: `problem` says why, and the sizes and counts are null.
    public var state: String
    @Nullable public var sizeBytes: UInt64?
    @Nullable public var objectSizeBytes: UInt64?
    /// Equal to `objectSizeBytes` unless the image is striped.
    @Nullable public var stripeUnitBytes: UInt64?
    @Nullable public var stripeCount: UInt64?
    /// Ceph's names, in the order of their bits.
    public var features: [String]
    @Nullable public var snapshotCount: Int?
    /// Faults of the object map, as in `rbd info`: `object map invalid`, `fast diff invalid`.
    public var flags: [String]
    /// Ceph's names of the operation features, which tell older clients not to change the image: `clone-parent`,
    /// `clone-child`, `group`, `snap-trash`.
    public var operationFeatures: [String]
    /// Null for images of the old format 1, which do not record it.
    @Nullable public var createdAt: String?
    /// When the image was last written to, as its clients record it.
    @Nullable public var modifiedAt: String?
    /// When the image was last read, as its clients record it.
    @Nullable public var accessedAt: String?
    /// The pool that holds the data, if it is not the image's own pool; `#` and the pool's id if that pool no longer
    /// exists.
    @Nullable public var dataPool: String?
    /// The snapshot that the image was cloned from; null if there is none, or after a flatten.
    @Nullable public var parent: ParentImage?
    /// The group of the image.
    @Nullable public var group: ImageGroup?
    /// Null in lists. It does not include the limits, which are in `qos`.
    @Nullable public var metadata: [String: String]?
    /// The limits that are set on the image; null in lists.
    @Nullable public var qos: ImageQoS?
    /// How much data the image holds; null unless the request asks for it.
    @Nullable public var usage: ImageUsage?
    /// The clients that have the image open; null unless the request asks for them.
    @Nullable public var watchers: [ImageWatcher]?
    /// The clones that need the image's snapshots; null unless the request asks for them.
    @Nullable public var children: [ImageChild]?
    /// How the image is mirrored; null if it is not, or unless the request asks for it.
    @Nullable public var mirroring: ImageMirroring?
    /// The migration of the image; null if there is none, or unless the request asks for it.
    @Nullable public var migration: ImageMigration?
    /// `luks1` or `luks2`; null if the image does not begin like an encrypted image, or unless the request asks for it.
    @Nullable public var encryption: String?
    /// Why the image can't be read; null if it can be read.
    @Nullable public var problem: Problem?

    /// An image that can't be read.
    public init(spec: ImageSpec, id: String, state: String, problem: Problem) {
        self.spec = spec.description
        self.pool = spec.pool
        self.namespace = spec.namespace
        self.name = spec.image
        self.id = id
        self.state = state
        (features, flags, operationFeatures) = ([], [], [])
        self.problem = problem
    }

    public init(
        spec: ImageSpec,
        id: String,
        state: String,
        sizeBytes: UInt64,
        objectSizeBytes: UInt64,
        stripeUnitBytes: UInt64,
        stripeCount: UInt64,
        features: [String],
        snapshotCount: Int,
        createdAt: String?,
        dataPool: String?,
        parent: ParentImage?,
        flags: [String] = [],
        operationFeatures: [String] = [],
        modifiedAt: String? = nil,
        accessedAt: String? = nil,
        group: ImageGroup? = nil
    ) {
        self.spec = spec.description
        self.pool = spec.pool
        self.namespace = spec.namespace
        self.name = spec.image
        self.id = id
        self.state = state
        self.sizeBytes = sizeBytes
        self.objectSizeBytes = objectSizeBytes
        self.stripeUnitBytes = stripeUnitBytes
        self.stripeCount = stripeCount
        self.features = features
        self.snapshotCount = snapshotCount
        self.createdAt = createdAt
        self.dataPool = dataPool
        self.parent = parent
        self.flags = flags
        self.operationFeatures = operationFeatures
        self.modifiedAt = modifiedAt
        self.accessedAt = accessedAt
        self.group = group
    }
}

/// The group that an image is in.
public struct ImageGroup: Codable, Hashable, Sendable {
    /// As `rbd` writes it: `pool/group` or `pool/namespace/group`.
    public var spec: String
    public var pool: String
    /// The group's namespace, which is also the image's.
    public var namespace: String
    /// `#` and the group's id if the name can't be read.
    public var name: String

    public init(pool: String, namespace: String, name: String) {
        spec = ImageSpec(pool: pool, namespace: namespace, image: name).description
        self.pool = pool
        self.namespace = namespace
        self.name = name
    }
}

/// How much data an image holds: `?fields=usage`.
public struct ImageUsage: Codable, Hashable, Sendable {
    public var provisionedBytes: UInt64
    /// The bytes that were written and not discarded, without snapshots and the parent; null if counting would take too
    /// long.
    @Nullable public var usedBytes: UInt64?
    /// Whether whole objects were counted. The number is then an upper bound.
    public var approximate: Bool

    public init(provisionedBytes: UInt64, usedBytes: UInt64?, approximate: Bool) {
        self.provisionedBytes = provisionedBytes
        self.usedBytes = usedBytes
        self.approximate = approximate
    }
}

/// The snapshot that a clone was made from.
public struct ParentImage: Codable, Hashable, Sendable {
    /// `pool/image@snapshot` or `pool/namespace/image@snapshot`.
    public var spec: String
    public var pool: String
    public var namespace: String
    public var image: String
    public var imageID: String
    public var snapshot: String
    /// How much of the parent the clone can still see.
    public var overlapBytes: UInt64

    public init(spec: ImageSpec, imageID: String, snapshot: String, overlapBytes: UInt64) {
        self.spec = "\(spec)@\(snapshot)"
        self.pool = spec.pool
        self.namespace = spec.namespace
        self.image = spec.image
        self.imageID = imageID
        self.snapshot = snapshot
        self.overlapBytes = overlapBytes
    }

    private enum CodingKeys: String, CodingKey {
        case spec, pool, namespace, image, snapshot, overlapBytes
        case imageID = "imageId"
    }
}

/// The body of `POST /v1/pools/{pool}/images`.
public struct CreateImageRequest: Codable, Hashable, Sendable, RequestBody {
    public var name: String
    public var properties: ImageProperties

    public init(name: String, properties: ImageProperties) {
        self.name = name
        self.properties = properties
    }

    public enum CodingKeys: String, CodingKey, CaseIterable {
        case name
    }

    public static let fieldNames = ["name"] + ImageProperties.fieldNames

    public init(from decoder: any Decoder) throws {
        name = try decoder.container(keyedBy: CodingKeys.self).decode(String.self, forKey: .name)
        properties = try ImageProperties(from: decoder)
    }

    public func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: CodingKeys.self)
        try container.encode(name, forKey: .name)
        try properties.encode(to: encoder)
    }
}

/// The properties of a new image: the body of `PUT /v1/pools/{pool}/images/{image}`, and of a POST together with the
/// name. Fields that are left out take the defaults of the pool or the cluster (`rbd_default_features`,
/// `rbd_default_order`, …).
public struct ImageProperties: Codable, Hashable, Sendable, RequestBody {
    /// May be left out with a source; the image then has the source's size.
    public var size: ByteCount?
    /// The snapshot to clone, or the image to copy.
    public var source: ImageSource?
    /// Ceph's names: `layering`, `exclusive-lock`, `object-map`, `fast-diff`, `deep-flatten`, `journaling`, `striping`.
    public var features: [String]?
    /// A power of two from 4 KiB to 32 MiB.
    public var objectSize: ByteCount?
    public var stripeUnit: ByteCount?
    public var stripeCount: UInt64?
    public var dataPool: String?

    public init(
        size: ByteCount? = nil,
        source: ImageSource? = nil,
        features: [String]? = nil,
        objectSize: ByteCount? = nil,
        stripeUnit: ByteCount? = nil,
        stripeCount: UInt64? = nil,
        dataPool: String? = nil
    ) {
        self.size = size
        self.source = source
        self.features = features
        self.objectSize = objectSize
        self.stripeUnit = stripeUnit
        self.stripeCount = stripeCount
        self.dataPool = dataPool
    }

    public init(from decoder: any Decoder) throws {
        let container = try decoder.container(keyedBy: CodingKeys.self)
        source = try container.decodeIfPresent(ImageSource.self, forKey: .source)
        size =
            source == nil
            ? try container.decode(ByteCount.self, forKey: .size)
            : try container.decodeIfPresent(ByteCount.self, forKey: .size)
        features = try container.decodeIfPresent([String].self, forKey: .features)
        objectSize = try container.decodeIfPresent(ByteCount.self, forKey: .objectSize)
        stripeUnit = try container.decodeIfPresent(ByteCount.self, forKey: .stripeUnit)
        stripeCount = try container.wholeNumber(UInt64.self, forKey: .stripeCount)
        dataPool = try container.decodeIfPresent(String.self, forKey: .dataPool)
    }

    public enum CodingKeys: String, CodingKey, CaseIterable {
        case size, source, features, objectSize, stripeUnit, stripeCount, dataPool
    }
}
