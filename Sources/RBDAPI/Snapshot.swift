// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

public import Naming

/// A snapshot of an image as the API shows it.
public struct Snapshot: Codable, Hashable, Sendable {
    /// `pool/image@snapshot` or `pool/namespace/image@snapshot`.
    public var spec: String
    public var pool: String
    /// Empty for the pool's default namespace.
    public var namespace: String
    public var image: String
    public var name: String
    public var id: UInt64
    /// `user`, or who else made it: `group`, `trash` where it was removed while clones needed it, `mirror`, `unknown`.
    public var kind: String
    /// In the trash: the name that it had. Of a group: the group's snapshot, as `pool/group@snapshot` or
    /// `pool/namespace/group@snapshot`.
    public var origin: String?
    public var sizeBytes: UInt64
    public var createdAt: String?
    public var protected: Bool
    /// Null unless it was asked for with `?fields=usage`.
    public var usage: Usage?

    public init(
        spec: SnapshotSpec,
        id: UInt64,
        kind: String,
        origin: String?,
        sizeBytes: UInt64,
        createdAt: String?,
        protected: Bool,
        usage: Usage?
    ) {
        self.spec = spec.description
        self.pool = spec.image.pool
        self.namespace = spec.image.namespace
        self.image = spec.image.image
        self.name = spec.snapshot
        self.id = id
        self.kind = kind
        self.origin = origin
        self.sizeBytes = sizeBytes
        self.createdAt = createdAt
        self.protected = protected
        self.usage = usage
    }

    /// What a snapshot holds that the one before it does not.
    public struct Usage: Codable, Hashable, Sendable {
        /// Null where it would take too long to find out.
        public var usedBytes: UInt64?
        /// True where the image has no fast-diff to count by.
        public var approximate: Bool

        public init(usedBytes: UInt64?, approximate: Bool) {
            self.usedBytes = usedBytes
            self.approximate = approximate
        }

        /// Writes `null` for what is absent.
        public func encode(to encoder: any Encoder) throws {
            var container = encoder.container(keyedBy: CodingKeys.self)
            try container.encode(usedBytes, forKey: .usedBytes)
            try container.encode(approximate, forKey: .approximate)
        }
    }

    /// Writes `null` for what is absent, so that every snapshot has the same members.
    public func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: CodingKeys.self)
        try container.encode(spec, forKey: .spec)
        try container.encode(pool, forKey: .pool)
        try container.encode(namespace, forKey: .namespace)
        try container.encode(image, forKey: .image)
        try container.encode(name, forKey: .name)
        try container.encode(id, forKey: .id)
        try container.encode(kind, forKey: .kind)
        try container.encode(origin, forKey: .origin)
        try container.encode(sizeBytes, forKey: .sizeBytes)
        try container.encode(createdAt, forKey: .createdAt)
        try container.encode(protected, forKey: .protected)
        try container.encode(usage, forKey: .usage)
    }
}

/// The answer to `GET …/images/{image}/snapshots`.
public struct ImageSnapshots: Codable, Hashable, Sendable {
    /// Oldest first.
    public var items: [Snapshot]

    public init(items: [Snapshot]) {
        self.items = items
    }
}

/// The body of `POST …/images/{image}/snapshots`.
public struct CreateSnapshotRequest: Codable, Hashable, Sendable, RequestBody {
    public var name: String

    public init(name: String) {
        self.name = name
    }

    private enum CodingKeys: String, CodingKey, CaseIterable {
        case name
    }

    public static let fieldNames = CodingKeys.allCases.map(\.rawValue)
}

/// The body of `PATCH …/snapshots/{snapshot}`. What is left out stays as it is.
public struct SnapshotChanges: Codable, Hashable, Sendable, RequestBody {
    public var name: String?
    public var protected: Bool?

    public init(name: String? = nil, protected: Bool? = nil) {
        self.name = name
        self.protected = protected
    }

    private enum CodingKeys: String, CodingKey, CaseIterable {
        case name, protected
    }

    public static let fieldNames = CodingKeys.allCases.map(\.rawValue)
}

/// How many snapshots an image may have, and how many it has.
public struct SnapshotLimit: Codable, Hashable, Sendable {
    /// Null where there is none.
    public var limit: UInt64?
    /// Snapshots of all kinds.
    public var snapshotCount: Int

    public init(limit: UInt64?, snapshotCount: Int) {
        self.limit = limit
        self.snapshotCount = snapshotCount
    }

    public func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: CodingKeys.self)
        try container.encode(limit, forKey: .limit)
        try container.encode(snapshotCount, forKey: .snapshotCount)
    }
}

/// The body of `PUT …/images/{image}/snapshot-limit`.
public struct SetSnapshotLimitRequest: Codable, Hashable, Sendable, RequestBody {
    /// Null takes the limit away.
    public var limit: UInt64?

    public init(limit: UInt64?) {
        self.limit = limit
    }

    public init(from decoder: any Decoder) throws {
        let container = try decoder.container(keyedBy: CodingKeys.self)
        guard container.contains(.limit) else {
            throw DecodingError.keyNotFound(
                CodingKeys.limit,
                DecodingError.Context(codingPath: [], debugDescription: "the limit is missing")
            )
        }
        limit = try container.wholeNumber(UInt64.self, forKey: .limit)
    }

    public func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: CodingKeys.self)
        try container.encode(limit, forKey: .limit)
    }

    private enum CodingKeys: String, CodingKey, CaseIterable {
        case limit
    }

    public static let fieldNames = CodingKeys.allCases.map(\.rawValue)
}
