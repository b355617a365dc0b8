// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

/// What is wrong with an image's object map.
public struct ImageFlags: OptionSet, Hashable, Sendable {
    public let rawValue: UInt64

    public init(rawValue: UInt64) {
        self.rawValue = rawValue
    }

    /// RBD_FLAG_OBJECT_MAP_INVALID
    public static let objectMapInvalid = ImageFlags(rawValue: 1 << 0)
    /// RBD_FLAG_FAST_DIFF_INVALID
    public static let fastDiffInvalid = ImageFlags(rawValue: 1 << 1)

    private static let names = ["object map invalid", "fast diff invalid"]

    /// As `rbd info` says them, in the order of the bits; `unknown-bit-N` for one that came after this code.
    public var names: [String] { BitNames.names(of: rawValue, Self.names) }
}

/// What older clients must not do with an image, and why: RBD's features of operations.
public struct OperationFeatures: OptionSet, Hashable, Sendable {
    public let rawValue: UInt64

    public init(rawValue: UInt64) {
        self.rawValue = rawValue
    }

    /// It has clones of format 2.
    public static let cloneParent = OperationFeatures(rawValue: 1 << 0)
    /// It is a clone of format 2.
    public static let cloneChild = OperationFeatures(rawValue: 1 << 1)
    /// It is, or was, in a group.
    public static let group = OperationFeatures(rawValue: 1 << 2)
    /// A snapshot of it was deleted while it had clones.
    public static let snapTrash = OperationFeatures(rawValue: 1 << 3)

    private static let names = ["clone-parent", "clone-child", "group", "snap-trash"]

    /// Ceph's names, in the order of the bits; `unknown-bit-N` for one that came after this code.
    public var names: [String] {
        BitNames.names(of: rawValue, Self.names)
    }
}
