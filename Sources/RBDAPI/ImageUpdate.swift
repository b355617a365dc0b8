// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

/// The body of `PATCH /v1/pools/{pool}/images/{image}`. Fields that are left out stay as they are.
public struct UpdateImageRequest: Codable, Hashable, Sendable, RequestBody {
    public var size: ByteCount?
    /// Needed if the size is below the current one.
    public var allowShrink: Bool?
    /// The smaller size again, because the data beyond it is lost.
    public var confirmSize: ByteCount?
    /// The image's new name. The image stays in its pool and namespace.
    public var name: String?
    /// The features that they need are enabled too.
    public var enableFeatures: [String]?
    /// The features that need them are disabled too.
    public var disableFeatures: [String]?
    /// The value of each key to set, or nil for a key to remove (RFC 7396).
    public var metadata: [String: String?]?
    public var qos: ImageQoSChanges?

    public init() {}

    public init(from decoder: any Decoder) throws {
        let container = try decoder.container(keyedBy: CodingKeys.self)
        size = try container.decodeIfPresent(ByteCount.self, forKey: .size)
        allowShrink = try container.decodeIfPresent(Bool.self, forKey: .allowShrink)
        confirmSize = try container.decodeIfPresent(ByteCount.self, forKey: .confirmSize)
        name = try container.decodeIfPresent(String.self, forKey: .name)
        enableFeatures = try container.decodeIfPresent([String].self, forKey: .enableFeatures)
        disableFeatures = try container.decodeIfPresent([String].self, forKey: .disableFeatures)
        // A null would mean to remove all metadata: each key must be named.
        if container.contains(.metadata) {
            metadata = try container.decode([String: String?].self, forKey: .metadata)
        }
        if container.contains(.qos) {
            qos = try container.decodeIfPresent(ImageQoSChanges.self, forKey: .qos) ?? ImageQoSChanges.none
        }
    }

    public enum CodingKeys: String, CodingKey, CaseIterable {
        case size, allowShrink, confirmSize, name, enableFeatures, disableFeatures, metadata, qos
    }
}

/// The body of `PATCH /v1/pools/{pool}/image-ids/{id}`: the image's new name. The image stays in its pool and
/// namespace.
public typealias RenameImageRequest = NameRequest
