// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

/// The object map of an image: the object that records which data objects exist.
enum ObjectMap {
    static func object(id: String) -> String { "rbd_object_map.\(id)" }

    /// The input of `object_map_resize` for an image without data.
    static func allNonexistent(count: UInt64) -> [UInt8] {
        let nonexistent: UInt8 = 0
        return WireWriter.integer(count) + WireWriter.integer(nonexistent)
    }
}
