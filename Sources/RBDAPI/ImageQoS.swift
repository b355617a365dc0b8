// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

/// A limit that librbd enforces when it reads and writes an image: `rbd_qos_*`. The kernel client ignores these limits.
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

    /// The limits by their metadata keys. They are looked up for each image in a response.
    public static let byMetadataKey = Dictionary(uniqueKeysWithValues: allCases.map { ($0.metadataKey, $0) })

    /// Whether it counts bytes; otherwise it counts operations or seconds.
    public var isBytes: Bool {
        !isSeconds && (rawValue.hasPrefix("bps") || rawValue.contains("Bps"))
    }

    public var isSeconds: Bool { rawValue.hasSuffix("Seconds") }

    /// The limit that a burst may exceed for a while; nil if this is not a burst.
    public var limitOfBurst: QoSLimit? {
        guard rawValue.hasSuffix("Burst") else { return nil }
        return QoSLimit(rawValue: rawValue.dropLast("Burst".count) + "Limit")
    }
}

/// The limits that are set on an image. For all others, the limits of the pool or the cluster apply; by default there
/// are none.
public struct ImageQoS: Codable, Hashable, Sendable {
    /// Operations or bytes per second, or the number of seconds that a burst may last; 0 means unlimited.
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

/// The changes to an image's limits. Limits that are left out stay as they are; null removes the image's own limit.
public struct ImageQoSChanges: Codable, Hashable, Sendable {
    public var values: [QoSLimit: ByteCount?]

    public init(values: [QoSLimit: ByteCount?]) {
        self.values = values
    }

    /// Removes all limits.
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
