// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

/// A position in the order of a pool's images: after the image with this name and id. The id distinguishes two entries
/// with the same name, which an interrupted delete can leave.
public struct ImagePosition: Hashable, Comparable, Sendable {
    /// The name's bytes: librbd accepts names that are not UTF-8, and sorts by bytes.
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
