// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

import CLinux

/// The attributes of a file that change when it is written or replaced.
struct FileStamp: Hashable, Sendable {
    var device: UInt64
    var inode: UInt64
    var size: Int
    var modifiedSeconds: Int
    var modifiedNanoseconds: Int
    /// The permission bits.
    var mode: UInt32

    /// Whether users outside its group can read it, or anyone but its owner can write it.
    var isOpenToOthers: Bool { mode & 0o026 != 0 }

    /// Whether anyone but its owner can write it.
    var isWritableByOthers: Bool { mode & 0o022 != 0 }

    /// Nil if stat(2) fails.
    init?(path: String) {
        var file = clinux_file()
        guard clinux_stat(path, &file) == 0 else { return nil }
        device = file.device
        inode = file.inode
        size = Int(file.size)
        modifiedSeconds = Int(file.modified_seconds)
        modifiedNanoseconds = Int(file.modified_nanoseconds)
        mode = file.mode & 0o7777
    }
}
