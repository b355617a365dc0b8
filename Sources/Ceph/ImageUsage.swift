// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

internal import CRBD
internal import Glibc

/// How much data an image holds.
public struct ImageUsage: Hashable, Sendable {
    /// The image's size.
    public var provisionedBytes: UInt64
    /// The bytes that were written and not discarded in the image itself, without snapshots and the parent. Nil if
    /// counting would take too long.
    public var usedBytes: UInt64?
    /// Whole objects were counted, from the object map. The number is then an upper bound.
    public var isApproximate: Bool
}

/// The data that a snapshot holds and the previous one does not.
public struct SnapshotUsage: Hashable, Sendable {
    /// In whole objects. Nil if counting would take too long.
    public var usedBytes: UInt64?
    /// Whether there was no fast-diff to count by.
    public var isApproximate: Bool
}

extension OpenImage {
    /// Read from the object map if the image has a valid one with fast-diff, which takes milliseconds; else object by
    /// object, up to 65,536 of them.
    /// - Parameter deadline: when to give up.
    /// - C function: rbd_stat, rbd_get_features, rbd_get_flags, rbd_diff_iterate2
    func usage(until deadline: ContinuousClock.Instant?) throws(CephError) -> ImageUsage {
        let stat = try stat()
        let (features, flags) = (try features(), try flags())
        let hasMap = features.contains(.fastDiff) && flags.isEmpty
        let bytes = try countBytes(of: stat, hasMap: hasMap, wholeObjects: hasMap, until: deadline)
        return ImageUsage(provisionedBytes: stat.size, usedBytes: bytes, isApproximate: hasMap || bytes == nil)
    }

    /// The amount of data that the image holds at one snapshot and not at another.
    /// - Parameter deadline: when to give up.
    /// - Returns: nil if one of the snapshots was just removed.
    /// - C function: rbd_snap_set_by_id, rbd_diff_iterate2, rbd_get_flags
    func usage(
        of snapshot: SnapshotInfo,
        since earlier: SnapshotInfo?,
        until deadline: ContinuousClock.Instant?
    ) throws(CephError) -> SnapshotUsage? {
        let set = rbd_snap_set_by_id(pointer, snapshot.id)
        if set == -ENOENT { return nil }
        try check(set, .readImage, on: resource)
        let (features, flags) = (try features(), try flags())
        let hasMap = features.contains(.fastDiff) && !flags.contains(.fastDiffInvalid)
        do throws(CephError) {
            let (stat, name) = (try stat(), earlier?.name)
            let bytes = try countBytes(of: stat, since: name, hasMap: hasMap, wholeObjects: true, until: deadline)
            return SnapshotUsage(usedBytes: bytes, isApproximate: !hasMap)
        } catch  where error.errno == ENOENT {
            return nil
        }
    }

    /// Without a valid object map, each object is checked. Images with more objects than this are not counted.
    private static let mostObjects: UInt64 = 65_536
    /// The number of objects that are checked before the deadline is checked: if librbd finds nothing, it can't be
    /// stopped in between.
    private static let objectsAtOnce: UInt64 = 4096

    func stat() throws(CephError) -> rbd_image_info_t {
        var stat = rbd_image_info_t()
        try check(rbd_stat(pointer, &stat, MemoryLayout<rbd_image_info_t>.size), .readImage, on: resource)
        return stat
    }

    /// Counts the data that exists, or has changed since a snapshot.
    /// - Returns: nil if counting would take too long.
    /// - Throws: `CephError` with `.timedOut` if the deadline has passed.
    private func countBytes(
        of stat: rbd_image_info_t,
        since earlier: String? = nil,
        hasMap: Bool,
        wholeObjects: Bool,
        until deadline: ContinuousClock.Instant?
    ) throws(CephError) -> UInt64? {
        guard hasMap || stat.num_objs <= Self.mostObjects else { return nil }
        let step = hasMap ? stat.size : Self.objectsAtOnce * stat.obj_size
        var (sum, offset): (UInt64, UInt64) = (0, 0)
        while offset < stat.size {
            if let deadline, deadline <= .now { throw CephError(.timedOut, .readImage, on: resource) }
            let length = min(step, stat.size - offset)
            let result = rbd_diff_iterate2(
                pointer,
                earlier,
                offset,
                length,
                0,
                wholeObjects ? 1 : 0,
                { _, length, exists, sum in
                    if exists != 0 { sum?.assumingMemoryBound(to: UInt64.self).pointee += UInt64(length) }
                    return 0
                },
                &sum
            )
            try check(result, .readImage, on: resource)
            offset += length
        }
        return sum
    }
}
