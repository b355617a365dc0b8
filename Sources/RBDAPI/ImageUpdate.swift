// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

/// The body of `PATCH /v1/pools/{pool}/images/{image}`. What is left out stays as it is.
public struct UpdateImageRequest: Codable, Hashable, Sendable, RequestBody {
    public var size: ByteCount?
    /// Needed for a size that is smaller than the image's.
    public var allowShrink: Bool?
    /// The smaller size once more: what lies beyond it is lost.
    public var confirmSize: ByteCount?
    /// The image's new name; it stays where it is.
    public var name: String?
    /// With what they need.
    public var enableFeatures: [String]?
    /// With what needs them.
    public var disableFeatures: [String]?
    /// A value for each key to be set, nil for one to be removed (RFC 7396).
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
        // A null would be the wish to remove all: each key must be named.
        if container.contains(.metadata) {
            metadata = try container.decode([String: String?].self, forKey: .metadata)
        }
        if container.contains(.qos) {
            qos = try container.decodeIfPresent(ImageQoSChanges.self, forKey: .qos) ?? ImageQoSChanges.none
        }
    }

    private enum CodingKeys: String, CodingKey, CaseIterable {
        case size, allowShrink, confirmSize, name, enableFeatures, disableFeatures, metadata, qos
    }

    public static let fieldNames = CodingKeys.allCases.map(\.rawValue)
}
