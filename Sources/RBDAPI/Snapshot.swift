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
    /// `user` if a user made it, else `group`, `trash` (it was deleted while clones needed it), `mirror` or `unknown`.
    public var kind: String
    /// For `trash`, the name that the snapshot had. For `group`, the group snapshot as `pool/group@snapshot` or
    /// `pool/namespace/group@snapshot`.
    @Nullable public var origin: String?
    public var sizeBytes: UInt64
    @Nullable public var createdAt: String?
    public var protected: Bool
    /// Null unless the request asks for it with `?fields=usage`.
    @Nullable public var usage: Usage?

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

    /// The data that a snapshot holds and the previous one does not.
    public struct Usage: Codable, Hashable, Sendable {
        /// Null if counting would take too long.
        @Nullable public var usedBytes: UInt64?
        /// True if the image has no fast-diff to count by.
        public var approximate: Bool

        public init(usedBytes: UInt64?, approximate: Bool) {
            self.usedBytes = usedBytes
            self.approximate = approximate
        }
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
public typealias CreateSnapshotRequest = NameRequest

/// The body of `PATCH …/snapshots/{snapshot}`. Fields that are left out stay as they are.
public struct SnapshotChanges: Codable, Hashable, Sendable, RequestBody {
    public var name: String?
    public var protected: Bool?

    public init(name: String? = nil, protected: Bool? = nil) {
        self.name = name
        self.protected = protected
    }

    public enum CodingKeys: String, CodingKey, CaseIterable {
        case name, protected
    }
}

/// The maximum number of snapshots of an image, and the number that it has.
public struct SnapshotLimit: Codable, Hashable, Sendable {
    /// Null if there is no limit.
    @Nullable public var limit: UInt64?
    /// Snapshots of all kinds.
    public var snapshotCount: Int

    public init(limit: UInt64?, snapshotCount: Int) {
        self.limit = limit
        self.snapshotCount = snapshotCount
    }
}

/// The body of `PUT …/images/{image}/snapshot-limit`.
public struct SetSnapshotLimitRequest: Codable, Hashable, Sendable, RequestBody {
    /// Null removes the limit.
    @Nullable public var limit: UInt64?

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

    public enum CodingKeys: String, CodingKey, CaseIterable {
        case limit
    }
}
