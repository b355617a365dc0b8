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

    /// The features that a caller may request. Ceph sets all others itself: `data-pool` if one is named, the rest
    /// during its work.
    public static let creatable: ImageFeatures = [
        .layering, .striping, .exclusiveLock, .objectMap, .fastDiff, .deepFlatten, .journaling,
    ]

    /// The features that each feature needs. librbd refuses the first and the last case, and silently drops fast-diff.
    public static let requirements: [(feature: ImageFeatures, needs: ImageFeatures)] = [
        (.objectMap, .exclusiveLock),
        (.fastDiff, .objectMap),
        (.journaling, .exclusiveLock),
    ]

    /// In the order of the bits.
    private static let table: [(name: String, feature: ImageFeatures)] = [
        ("layering", .layering), ("striping", .striping), ("exclusive-lock", .exclusiveLock),
        ("object-map", .objectMap), ("fast-diff", .fastDiff), ("deep-flatten", .deepFlatten),
        ("journaling", .journaling), ("data-pool", .dataPool), ("operations", .operations),
        ("migrating", .migrating), ("non-primary", .nonPrimary), ("dirty-cache", .dirtyCache),
    ]

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
