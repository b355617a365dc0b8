// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

internal import CLinux
import NIOCore

/// Makes the C library return freed memory. By default it creates up to eight heaps per processor, and keeps large
/// freed blocks in them. Three copies of images with 32 MiB objects left 300 MiB behind, which no limit of the service
/// counts.
public enum Allocation {
    /// Blocks of this size or more go back to the kernel when they are freed.
    private static let large = 256 << 10
    /// How much free memory may stay at the end of a heap.
    private static let rest = 1 << 20

    /// Sets the allocator's options. Must be called before there are other threads.
    /// - C function: mallopt
    public static func giveBackEarly() {
        // Setting the threshold also stops glibc from raising it when large blocks are freed.
        _ = mallopt(clinux_mmap_threshold, CInt(large))
        _ = mallopt(clinux_trim_threshold, CInt(rest))
        _ = mallopt(clinux_arena_max, CInt(max(4, 2 * System.coreCount)))
    }
}
