// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

internal import CLinux
import NIOCore

/// How the C library keeps memory that is let go of. By itself it makes up to eight heaps for each processor, and keeps in them what was
/// large once: three copies of images with objects of 32 MiB left 300 MiB behind, which no limit of ours counts.
public enum Allocation {
    /// What is as large as that goes back to the kernel at once.
    private static let large = 256 << 10
    /// As much may be left at the end of a heap.
    private static let rest = 1 << 20

    /// Has memory given back. To be called before there are threads.
    /// - C function: mallopt
    public static func giveBackEarly() {
        // To set it also keeps it from growing with what is let go of.
        _ = mallopt(clinux_mmap_threshold, CInt(large))
        _ = mallopt(clinux_trim_threshold, CInt(rest))
        _ = mallopt(clinux_arena_max, CInt(max(4, 2 * System.coreCount)))
    }
}
