// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

/// An image in its pool's trash: the response to a deletion and to `GET /v1/pools/{pool}/trash`.
public struct TrashedImage: Codable, Hashable, Sendable {
    /// The image's id, which identifies it for restoring and purging.
    public var id: String
    /// The name that the image had.
    public var name: String
    public var pool: String
    /// Empty for the pool's default namespace.
    public var namespace: String
    /// What moved the image there: `user`, `mirroring`, `migration`, `removing`, `user-parent`.
    public var source: String
    /// `trashed`, or `removing` if the removal has begun, and either continues or was interrupted: the image can't be
    /// restored.
    public var state: String
    public var deletedAt: String
    /// How long the image is kept. Until then it can be restored, and is purged only with `force`.
    public var keptUntil: String
    /// Null if the image's header is already gone.
    @Nullable public var sizeBytes: UInt64?
    @Nullable public var snapshotCount: Int?

    public init(
        id: String,
        name: String,
        pool: String,
        namespace: String,
        source: String,
        state: String,
        deletedAt: String,
        keptUntil: String,
        sizeBytes: UInt64?,
        snapshotCount: Int?
    ) {
        self.id = id
        self.name = name
        self.pool = pool
        self.namespace = namespace
        self.source = source
        self.state = state
        self.deletedAt = deletedAt
        self.keptUntil = keptUntil
        self.sizeBytes = sizeBytes
        self.snapshotCount = snapshotCount
    }
}

/// The body of `POST /v1/pools/{pool}/trash/{id}/restore`.
public struct RestoreImageRequest: Codable, Hashable, Sendable, RequestBody {
    /// The new name. The default is the name that the image had.
    public var name: String?

    public init(name: String? = nil) {
        self.name = name
    }

    public enum CodingKeys: String, CodingKey, CaseIterable {
        case name
    }
}

/// The purges that `DELETE /v1/pools/{pool}/trash?expired=true` has begun.
public struct PurgeAnswer: Codable, Hashable, Sendable {
    public var operations: [Operation]

    public init(operations: [Operation]) {
        self.operations = operations
    }
}

/// The body of `POST /v1/pools/{pool}/images/{image}/copy`.
public struct CopyImageRequest: Codable, Hashable, Sendable, RequestBody {
    /// The copy's name.
    public var name: String
    /// The default is the image's own pool.
    public var pool: String?
    /// The default is the image's own namespace if `pool` is left out too, else the pool's default namespace.
    public var namespace: String?
    /// The snapshot to copy. The default is the current state.
    public var snapshot: String?
    /// Whether to copy all of the image's snapshots too.
    public var withSnapshots: Bool?

    public init(
        name: String,
        pool: String? = nil,
        namespace: String? = nil,
        snapshot: String? = nil,
        withSnapshots: Bool? = nil
    ) {
        self.name = name
        self.pool = pool
        self.namespace = namespace
        self.snapshot = snapshot
        self.withSnapshots = withSnapshots
    }

    public enum CodingKeys: String, CodingKey, CaseIterable {
        case name, pool, namespace, snapshot, withSnapshots
    }
}
