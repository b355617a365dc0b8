// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

public import Naming

/// A group of images. A group snapshot captures all of them at the same moment.
public struct Group: Codable, Hashable, Sendable {
    /// As `rbd` writes it: `pool/group` or `pool/namespace/group`.
    public var spec: String
    public var pool: String
    /// Empty for the pool's default namespace.
    public var namespace: String
    public var name: String
    /// Ceph's id of the group, which stays the same when the group is renamed. Null in a list.
    @Nullable public var id: String?
    /// Null in a list: only the response for a single group has them.
    @Nullable public var images: [GroupImage]?
    /// Null in a list.
    @Nullable public var snapshots: [GroupSnapshot]?

    public init(
        pool: String,
        namespace: String,
        name: String,
        id: String? = nil,
        images: [GroupImage]? = nil,
        snapshots: [GroupSnapshot]? = nil
    ) {
        spec = ImageSpec(pool: pool, namespace: namespace, image: name).description
        self.pool = pool
        self.namespace = namespace
        self.name = name
        self.id = id
        self.images = images
        self.snapshots = snapshots
    }
}

/// An image of a group.
public struct GroupImage: Codable, Hashable, Sendable {
    public var spec: String
    public var pool: String
    public var namespace: String
    /// `#` and the image's id if no name is known.
    public var name: String
    /// `attached`, or `incomplete` if adding or removing the image was interrupted or still runs.
    public var state: String

    public init(spec: ImageSpec, state: String) {
        self.spec = spec.description
        pool = spec.pool
        namespace = spec.namespace
        name = spec.image
        self.state = state
    }
}

/// A snapshot of a group.
public struct GroupSnapshot: Codable, Hashable, Sendable {
    /// As `rbd` writes it: `pool/group@snapshot`.
    public var spec: String
    public var name: String
    /// Ceph's id of the snapshot.
    public var id: String
    /// `complete`, or `incomplete` if its creation was interrupted or still runs.
    public var state: String
    /// The specs of the images in the snapshot. They need not belong to the group any more.
    public var images: [String]

    public init(spec: String, name: String, id: String, state: String, images: [String]) {
        self.spec = spec
        self.name = name
        self.id = id
        self.state = state
        self.images = images
    }
}

/// The body of `POST /v1/pools/{pool}/groups`.
public typealias CreateGroupRequest = NameRequest

/// The body of `PATCH /v1/pools/{pool}/groups/{group}`: the new name.
public typealias UpdateGroupRequest = NameRequest

/// The body of `POST /v1/pools/{pool}/groups/{group}/snapshots`.
public typealias CreateGroupSnapshotRequest = NameRequest
