// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

internal import CRBD

/// RBD's feature bits.
public struct ImageFeatures: OptionSet, Hashable, Sendable {
    public let rawValue: UInt64

    public init(rawValue: UInt64) {
        self.rawValue = rawValue
    }

    public static let layering = ImageFeatures(rawValue: 1 << 0)
    public static let striping = ImageFeatures(rawValue: 1 << 1)
    public static let exclusiveLock = ImageFeatures(rawValue: 1 << 2)
    public static let objectMap = ImageFeatures(rawValue: 1 << 3)
    public static let fastDiff = ImageFeatures(rawValue: 1 << 4)
    public static let deepFlatten = ImageFeatures(rawValue: 1 << 5)
    public static let journaling = ImageFeatures(rawValue: 1 << 6)
    public static let dataPool = ImageFeatures(rawValue: 1 << 7)
    public static let operations = ImageFeatures(rawValue: 1 << 8)
    public static let migrating = ImageFeatures(rawValue: 1 << 9)
    public static let nonPrimary = ImageFeatures(rawValue: 1 << 10)
    public static let dirtyCache = ImageFeatures(rawValue: 1 << 11)

    /// What a caller may request.
    private enum Request {
        case create, enable, disable
    }

    private struct Row {
        var feature: ImageFeatures
        var name: String
        var requests: Set<Request> = []
        /// The feature that this one needs. Without it, librbd refuses the feature, or silently drops fast-diff.
        var needs: ImageFeatures?
    }

    /// A row for each feature, in the order of the bits.
    private static let table = [
        Row(feature: .layering, name: "layering", requests: [.create]),
        Row(feature: .striping, name: "striping", requests: [.create]),
        Row(feature: .exclusiveLock, name: "exclusive-lock", requests: [.create, .enable, .disable]),
        Row(feature: .objectMap, name: "object-map", requests: [.create, .enable, .disable], needs: .exclusiveLock),
        Row(feature: .fastDiff, name: "fast-diff", requests: [.create, .enable, .disable], needs: .objectMap),
        Row(feature: .deepFlatten, name: "deep-flatten", requests: [.create, .disable]),
        Row(feature: .journaling, name: "journaling", requests: [.create, .enable, .disable], needs: .exclusiveLock),
        Row(feature: .dataPool, name: "data-pool"),
        Row(feature: .operations, name: "operations"),
        Row(feature: .migrating, name: "migrating"),
        Row(feature: .nonPrimary, name: "non-primary"),
        Row(feature: .dirtyCache, name: "dirty-cache"),
    ]

    private static func all(_ request: Request) -> ImageFeatures {
        ImageFeatures(table.filter { $0.requests.contains(request) }.map(\.feature))
    }

    /// The features that a caller may request. Ceph sets all others itself: `data-pool` if one is named, the rest
    /// during its work.
    public static let creatable = all(.create)

    /// The features that can be enabled for an existing image. librbd refuses the others with EINVAL and no reason.
    public static let enableable = all(.enable)

    /// The features that can be disabled.
    public static let disableable = all(.disable)

    /// The features that need another.
    public static let requirements = table.compactMap { row in row.needs.map { (feature: row.feature, needs: $0) } }

    private static let tableNames = table.map(\.name)

    /// The features that have a name here.
    public static let known = table.reduce(into: ImageFeatures()) { $0.insert($1.feature) }

    /// The feature that Ceph calls by this name.
    public init?(named name: String) {
        guard let feature = Self.table.first(where: { $0.name == name })?.feature else { return nil }
        self = feature
    }

    /// Ceph's names, in the order of the bits; `unknown-bit-N` for a bit that is newer than this code.
    public var names: [String] { BitNames.names(of: rawValue, Self.tableNames) }
}
