// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

/// A limit that librbd keeps to when it reads and writes an image: `rbd_qos_*`. The kernel's client knows none of them.
public enum QoSLimit: String, CodingKey, CaseIterable, Sendable {
    case iopsLimit, iopsBurst, iopsBurstSeconds
    case bpsLimit, bpsBurst, bpsBurstSeconds
    case readIopsLimit, readIopsBurst, readIopsBurstSeconds
    case writeIopsLimit, writeIopsBurst, writeIopsBurstSeconds
    case readBpsLimit, readBpsBurst, readBpsBurstSeconds
    case writeBpsLimit, writeBpsBurst, writeBpsBurstSeconds

    /// Ceph's option, such as `rbd_qos_read_iops_limit`.
    public var option: String {
        "rbd_qos_" + rawValue.map { $0.isUppercase ? "_\($0.lowercased())" : String($0) }.joined()
    }

    /// The option as a key of an image's metadata, which sets it for that image.
    public var metadataKey: String { "conf_\(option)" }

    /// The limits by their metadata keys: each image that is shown is asked for them.
    public static let byMetadataKey = Dictionary(uniqueKeysWithValues: allCases.map { ($0.metadataKey, $0) })

    /// Whether it counts bytes; otherwise it counts operations or seconds.
    public var isBytes: Bool {
        !isSeconds && (rawValue.hasPrefix("bps") || rawValue.contains("Bps"))
    }

    public var isSeconds: Bool { rawValue.hasSuffix("Seconds") }

    /// The limit that a burst may go over for a while; nil for what is no burst.
    public var limitOfBurst: QoSLimit? {
        guard rawValue.hasSuffix("Burst") else { return nil }
        return QoSLimit(rawValue: rawValue.dropLast("Burst".count) + "Limit")
    }
}

/// The limits that are set on an image: the others are the pool's or the cluster's, which come with none.
public struct ImageQoS: Codable, Hashable, Sendable {
    /// Operations or bytes in a second, or how many seconds a burst may last; 0 is without limit.
    public var values: [QoSLimit: UInt64]

    public init(values: [QoSLimit: UInt64]) {
        self.values = values
    }

    public init(from decoder: any Decoder) throws {
        let container = try decoder.container(keyedBy: QoSLimit.self)
        values = [:]
        for limit in QoSLimit.allCases { values[limit] = try container.decodeIfPresent(UInt64.self, forKey: limit) }
    }

    public func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: QoSLimit.self)
        for (limit, value) in values { try container.encode(value, forKey: limit) }
    }
}

/// What becomes of an image's limits. What is left out stays as it is; null takes the image's own limit away.
public struct ImageQoSChanges: Codable, Hashable, Sendable {
    public var values: [QoSLimit: ByteCount?]

    public init(values: [QoSLimit: ByteCount?]) {
        self.values = values
    }

    /// Takes all limits away.
    public static let none = ImageQoSChanges(
        values: Dictionary(uniqueKeysWithValues: QoSLimit.allCases.map { ($0, nil) })
    )

    public init(from decoder: any Decoder) throws {
        try decoder.refuseFields(otherThan: QoSLimit.allCases.map(\.rawValue), prefix: "qos.")
        let container = try decoder.container(keyedBy: QoSLimit.self)
        values = [:]
        for limit in QoSLimit.allCases where container.contains(limit) {
            // Only bytes may be written with a unit.
            let value =
                limit.isBytes
                ? try container.decodeIfPresent(ByteCount.self, forKey: limit)
                : try container.wholeNumber(UInt64.self, forKey: limit).map { ByteCount($0) }
            values.updateValue(value, forKey: limit)
        }
    }

    public func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: QoSLimit.self)
        for (limit, value) in values { try container.encode(value?.bytes, forKey: limit) }
    }
}
