// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

public import Naming

/// Work that takes longer than a request: `GET /v1/operations/{id}`. It goes on, and can be asked for, whatever becomes of
/// the process that began it.
public struct Operation: Codable, Hashable, Sendable {
    public enum State: String, Codable, CaseIterable, Sendable {
        case queued, running, succeeded, failed, cancelled

        /// Nothing more will happen to it.
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
    /// The name that the image had when the operation was asked for; empty where it is about no single image.
    public var image: String
    public var imageID: String
    /// The group, where it is about one.
    public var group: String?
    /// The spec of the copy that is made.
    public var target: String?
    /// From 0 to 100.
    public var percent: Double
    public var cancelRequested: Bool
    /// How often it was begun: more than once where a process that worked on it ended.
    public var attempts: Int
    public var createdAt: String
    public var startedAt: String?
    public var finishedAt: String?
    /// When the record of a finished operation is removed.
    public var expiresAt: String?
    /// What it waits for, while it can't go on and tries again.
    public var note: String?
    /// Why it failed.
    public var problem: Problem?

    public init(id: String, kind: String, spec: ImageSpec, imageID: String, target: String? = nil, createdAt: String) {
        self.init(id: id, kind: kind, pool: spec.pool, namespace: spec.namespace, createdAt: createdAt)
        image = spec.image
        self.imageID = imageID
        self.target = target
    }

    /// On a pool, or on a group of it.
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

    /// The image that it is about.
    public var spec: ImageSpec { ImageSpec(pool: pool, namespace: namespace, image: image) }

    /// What it is about, as Ceph writes it: an image, a group or a pool.
    public var subject: String {
        let name = group ?? image
        return name.isEmpty ? pool : ImageSpec(pool: pool, namespace: namespace, image: name).description
    }

    private enum CodingKeys: String, CodingKey {
        case id, kind, state, pool, namespace, image, group, target, percent, cancelRequested, attempts, createdAt,
            startedAt
        case finishedAt, expiresAt, note, problem
        case imageID = "imageId"
    }

    /// Writes `null` for what is absent, so that every operation has the same members.
    public func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: CodingKeys.self)
        try container.encode(id, forKey: .id)
        try container.encode(kind, forKey: .kind)
        try container.encode(state, forKey: .state)
        try container.encode(pool, forKey: .pool)
        try container.encode(namespace, forKey: .namespace)
        try container.encode(image, forKey: .image)
        try container.encode(imageID, forKey: .imageID)
        try container.encode(group, forKey: .group)
        try container.encode(target, forKey: .target)
        try container.encode(percent, forKey: .percent)
        try container.encode(cancelRequested, forKey: .cancelRequested)
        try container.encode(attempts, forKey: .attempts)
        try container.encode(createdAt, forKey: .createdAt)
        try container.encode(startedAt, forKey: .startedAt)
        try container.encode(finishedAt, forKey: .finishedAt)
        try container.encode(expiresAt, forKey: .expiresAt)
        try container.encode(note, forKey: .note)
        try container.encode(problem, forKey: .problem)
    }
}
