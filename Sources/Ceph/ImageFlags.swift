// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

/// Faults of an image's object map.
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

    /// As in `rbd info`, in the order of the bits; `unknown-bit-N` for a bit that is newer than this code.
    public var names: [String] { BitNames.names(of: rawValue, Self.names) }
}

/// RBD's operation features, which tell older clients not to change an image, and why.
public struct OperationFeatures: OptionSet, Hashable, Sendable {
    public let rawValue: UInt64

    public init(rawValue: UInt64) {
        self.rawValue = rawValue
    }

    /// The image has clones of format 2.
    public static let cloneParent = OperationFeatures(rawValue: 1 << 0)
    /// The image is a clone of format 2.
    public static let cloneChild = OperationFeatures(rawValue: 1 << 1)
    /// The image is, or was, in a group.
    public static let group = OperationFeatures(rawValue: 1 << 2)
    /// A snapshot of the image was deleted while it had clones.
    public static let snapTrash = OperationFeatures(rawValue: 1 << 3)

    private static let names = ["clone-parent", "clone-child", "group", "snap-trash"]

    /// Ceph's names, in the order of the bits; `unknown-bit-N` for a bit that is newer than this code.
    public var names: [String] {
        BitNames.names(of: rawValue, Self.names)
    }
}

/// The names of the bits that are set.
enum BitNames {
    /// - Parameter known: the names of the lowest bits, in order.
    static func names(of bits: UInt64, _ known: [String]) -> [String] {
        var (rest, names) = (bits, [String]())
        names.reserveCapacity(bits.nonzeroBitCount)
        while rest != 0 {
            let bit = rest.trailingZeroBitCount
            names.append(bit < known.count ? known[bit] : "unknown-bit-\(bit)")
            rest &= rest - 1
        }
        return names
    }
}
