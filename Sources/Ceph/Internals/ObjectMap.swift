// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

/// Which of an image's data objects there are, in an object of its own.
enum ObjectMap {
    static func object(id: String) -> String { "rbd_object_map.\(id)" }

    /// What `object_map_resize` is given for an image without data.
    static func allNonexistent(count: UInt64) -> [UInt8] {
        let nonexistent: UInt8 = 0
        return WireWriter.integer(count) + WireWriter.integer(nonexistent)
    }
}
