// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

internal import CRBD
internal import Glibc

/// How much of an image is there.
public struct ImageUsage: Hashable, Sendable {
    /// The image's size.
    public var provisionedBytes: UInt64
    /// What was written and not discarded, in the image itself: snapshots and the parent are not counted. Nil where it would
    /// take too long to find out.
    public var usedBytes: UInt64?
    /// Whole objects were counted, as the object map has them: at the most so much.
    public var isApproximate: Bool
}

extension OpenImage {
    /// Each object of an image without a valid object map is asked for; more than so many are not.
    private static let mostObjects: UInt64 = 65_536

    /// From the object map where the image has a valid one with fast-diff, which takes milliseconds; else object by object, up to
    /// 65,536 of them.
    /// - C function: rbd_stat, rbd_get_features, rbd_get_flags, rbd_diff_iterate2
    func usage(until deadline: ContinuousClock.Instant?) throws(CephError) -> ImageUsage {
        var stat = rbd_image_info_t()
        try check(rbd_stat(pointer, &stat, MemoryLayout<rbd_image_info_t>.size), .readImage, on: resource)
        var flags: UInt64 = 0
        try check(rbd_get_flags(pointer, &flags), .readImage, on: resource)
        let hasMap = try features().contains(.fastDiff) && ImageFlags(rawValue: flags).isEmpty
        guard hasMap || stat.num_objs <= Self.mostObjects else {
            return ImageUsage(provisionedBytes: stat.size, usedBytes: nil, isApproximate: true)
        }
        var sum = Sum(deadline: deadline)
        let result = withUnsafeMutablePointer(to: &sum) { sum in
            rbd_diff_iterate2(
                pointer,
                nil,
                0,
                stat.size,
                0,
                hasMap ? 1 : 0,
                { _, length, exists, context in
                    guard let sum = context?.assumingMemoryBound(to: Sum.self) else { return 0 }
                    if exists != 0 { sum.pointee.bytes += UInt64(length) }
                    return sum.pointee.isTooLate ? -ETIMEDOUT : 0
                },
                sum
            )
        }
        try check(result, .readImage, on: resource)
        return ImageUsage(provisionedBytes: stat.size, usedBytes: sum.bytes, isApproximate: hasMap)
    }
}

private struct Sum {
    var bytes: UInt64 = 0
    var deadline: ContinuousClock.Instant?

    var isTooLate: Bool { deadline.map { $0 <= .now } ?? false }
}
