// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

/// A place in the order of a pool's images: after the one with this name and id. Ids tell apart two entries of one name,
/// which an interrupted delete can leave behind.
public struct ImagePosition: Hashable, Comparable, Sendable {
    /// The name's bytes: librbd takes names that are not UTF-8, and the order is that of the bytes.
    public var name: [UInt8]
    public var id: String

    public init(name: [UInt8], id: String) {
        self.name = name
        self.id = id
    }

    public init(name: String, id: String) {
        self.init(name: Array(name.utf8), id: id)
    }

    public static func < (left: ImagePosition, right: ImagePosition) -> Bool {
        left.name == right.name ? left.id < right.id : left.name.lexicographicallyPrecedes(right.name)
    }
}
