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

extension Pool {
    /// Each object of an image without a valid object map is asked for; more than so many are not.
    private static let mostObjects: UInt64 = 65_536

    /// How much of an image is there: from the object map where it has a valid one with fast-diff, which takes milliseconds;
    /// else object by object, up to 65,536 of them.
    /// - Throws: `CephError` with `.imageNotFound`, `.namespaceNotFound`, `.poolNotFound`, `.timedOut`,
    ///   `.credentialsRefused`, `.clientBlocklisted`.
    /// - C function: rbd_open_read_only, rbd_stat, rbd_get_features, rbd_get_flags, rbd_diff_iterate2
    public func usage(ofImage name: String) async throws -> ImageUsage {
        let resource = resource(ofImage: name)
        let deadline = Deadline.current
        return try await withContext(.readImage, on: resource) { context throws(CephError) in
            let image = try OpenImage(named: name, in: context)
            var stat = rbd_image_info_t()
            try check(rbd_stat(image.pointer, &stat, MemoryLayout<rbd_image_info_t>.size), .readImage, on: resource)
            var flags: UInt64 = 0
            try check(rbd_get_flags(image.pointer, &flags), .readImage, on: resource)
            let invalid = UInt64(RBD_FLAG_OBJECT_MAP_INVALID | RBD_FLAG_FAST_DIFF_INVALID)
            let hasMap = try image.features().contains(.fastDiff) && flags & invalid == 0
            guard hasMap || stat.num_objs <= Self.mostObjects else {
                return ImageUsage(provisionedBytes: stat.size, usedBytes: nil, isApproximate: true)
            }
            var sum = Sum(deadline: deadline)
            let result = withUnsafeMutablePointer(to: &sum) { sum in
                rbd_diff_iterate2(
                    image.pointer,
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
}

private struct Sum {
    var bytes: UInt64 = 0
    var deadline: ContinuousClock.Instant?

    var isTooLate: Bool { deadline.map { $0 <= .now } ?? false }
}
