// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

public import Naming

/// Work that takes longer than a request: `GET /v1/operations/{id}`. It continues, and can be read, after the process
/// that began it has stopped.
public struct Operation: Codable, Hashable, Sendable {
    public enum State: String, Codable, CaseIterable, Sendable {
        case queued, running, succeeded, failed, cancelled

        /// Whether the state is final.
        public var isFinished: Bool { self != .queued && self != .running }
    }

    /// Begins with the id of the pool that keeps its record.
    public var id: String
    /// `purge-image`, `flatten-image`, `copy-image`, `sparsify-image`, `rebuild-object-map`, `rollback-image`,
    /// `shrink-image`, `rollback-group` or `create-pool`.
    public var kind: String
    public var state: State
    public var pool: String
    /// Empty for the pool's default namespace.
    public var namespace: String
    /// The name of the image when the operation was requested; empty if the operation is not about a single image.
    public var image: String
    public var imageID: String
    /// The group, if the operation is about one.
    @Nullable public var group: String?
    /// The spec of the copy.
    @Nullable public var target: String?
    /// From 0 to 100.
    public var percent: Double
    public var cancelRequested: Bool
    /// How many times the operation was started. More than one means that a process that ran it stopped.
    public var attempts: Int
    public var createdAt: String
    @Nullable public var startedAt: String?
    @Nullable public var finishedAt: String?
    /// When the record of a finished operation is removed.
    @Nullable public var expiresAt: String?
    /// What the operation waits for, while it can't continue and tries again.
    @Nullable public var note: String?
    /// Why the operation failed.
    @Nullable public var problem: Problem?

    public init(id: String, kind: String, spec: ImageSpec, imageID: String, target: String? = nil, createdAt: String) {
        self.init(id: id, kind: kind, pool: spec.pool, namespace: spec.namespace, createdAt: createdAt)
        image = spec.image
        self.imageID = imageID
        self.target = target
    }

    /// An operation on a pool, or on a group in it.
    public init(
        id: String,
        kind: String,
        pool: String,
        namespace: String = "",
        group: String? = nil,
        createdAt: String
    ) {
        self.id = id
        self.kind = kind
        state = .queued
        self.pool = pool
        self.namespace = namespace
        self.group = group
        image = ""
        imageID = ""
        percent = 0
        cancelRequested = false
        attempts = 0
        self.createdAt = createdAt
    }

    /// The image of the operation.
    public var spec: ImageSpec { ImageSpec(pool: pool, namespace: namespace, image: image) }

    /// The image, group or pool of the operation, as Ceph writes it.
    public var subject: String {
        let name = group ?? image
        return name.isEmpty ? pool : ImageSpec(pool: pool, namespace: namespace, image: name).description
    }

    private enum CodingKeys: String, CodingKey {
        case id, kind, state, pool, namespace, image
        case imageID = "imageId"
        case group, target, percent, cancelRequested, attempts
        case createdAt, startedAt, finishedAt, expiresAt, note, problem
    }
}
