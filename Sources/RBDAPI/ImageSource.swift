// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

public import Naming

/// The source of a new image.
public struct ImageSource: Codable, Hashable, Sendable {
    /// The default is the new image's own pool.
    public var pool: String?
    /// The default is the pool's default namespace.
    public var namespace: String?
    public var image: String
    /// The snapshot to clone. If it is left out, the image is copied as it is. Only POST does that.
    public var snapshot: String?

    public init(pool: String? = nil, namespace: String? = nil, image: String, snapshot: String?) {
        self.pool = pool
        self.namespace = namespace
        self.image = image
        self.snapshot = snapshot
    }

    public init(from decoder: any Decoder) throws {
        try decoder.refuseFields(otherThan: Self.fieldNames, prefix: "source.")
        let container = try decoder.container(keyedBy: CodingKeys.self)
        pool = try container.decodeIfPresent(String.self, forKey: .pool)
        namespace = try container.decodeIfPresent(String.self, forKey: .namespace)
        image = try container.decode(String.self, forKey: .image)
        snapshot = try container.decodeIfPresent(String.self, forKey: .snapshot)
    }

    private enum CodingKeys: String, CodingKey, CaseIterable {
        case pool, namespace, image, snapshot
    }

    public static let fieldNames = CodingKeys.allCases.map(\.rawValue)
}

/// An image that was cloned from a snapshot and still needs it.
public struct ImageChild: Codable, Hashable, Sendable {
    /// `pool/image` or `pool/namespace/image`; `#` and the id for an image whose name can't be read.
    public var spec: String
    public var pool: String
    /// Empty for the pool's default namespace.
    public var namespace: String
    /// Empty if the name can't be read.
    public var image: String
    public var imageID: String
    /// The snapshot that the image was cloned from.
    public var snapshot: String
    /// Whether the image is in its pool's trash.
    public var inTrash: Bool

    public init(spec: ImageSpec, imageID: String, snapshot: String, inTrash: Bool) {
        self.spec =
            ImageSpec(
                pool: spec.pool,
                namespace: spec.namespace,
                image: spec.image.isEmpty ? "#\(imageID)" : spec.image
            ).description
        self.pool = spec.pool
        self.namespace = spec.namespace
        self.image = spec.image
        self.imageID = imageID
        self.snapshot = snapshot
        self.inTrash = inTrash
    }

    private enum CodingKeys: String, CodingKey {
        case spec, pool, namespace, image, snapshot, inTrash
        case imageID = "imageId"
    }
}

/// The answer to `GET …/images/{image}/children`.
public struct ImageChildren: Codable, Hashable, Sendable {
    public var items: [ImageChild]

    public init(items: [ImageChild]) {
        self.items = items
    }
}

/// The answer to `GET …/images/{image}/ancestors`.
public struct ImageAncestry: Codable, Hashable, Sendable {
    /// The number of snapshots that the image depends on; 0 if it is not a clone.
    public var depth: Int
    /// The parent, then the parent's parent and so on.
    public var items: [ParentImage]

    public init(items: [ParentImage]) {
        self.depth = items.count
        self.items = items
    }
}
