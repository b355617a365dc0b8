// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

/// The images of a pool or of a namespace, with everything in their headers, sorted by the bytes of their names, in
/// batches. Each image takes one round trip, dozens of them in parallel, and none is opened.
///
/// Each batch is a separate blocking call, made when it is requested. So the memory, and the time until a cancellation
/// takes effect, depend on one batch and not on the pool, and each call has the deadline of its task. Images may be
/// created and deleted meanwhile. An image that exists throughout is returned once.
public struct ImageCatalogue: AsyncSequence, Sendable {
    public struct Batch: Sendable {
        public var images: [ImageInfo]
        /// Where the batch ended: after the last image that was in the directory, even if that image was gone when it
        /// was read. Nil if there was none.
        public var end: ImagePosition?
        /// Whether there are no more.
        public var isLast: Bool
    }

    let start: AsyncIterator

    public func makeAsyncIterator() -> AsyncIterator { start }

    public struct AsyncIterator: AsyncIteratorProtocol, Sendable {
        let pool: Pool
        var walk: DirectoryWalk
        var rest: Int
        var count: Int
        let batch: Int
        /// Taken over from the previous batch.
        var hadSnapshots = false

        /// - Throws: `CephError` with `.namespaceNotFound`; `CancellationError`.
        /// - C function: rados_read_op_operate, rados_aio_read_op_operate (class `rbd`, `rbd_header.<id>`)
        public mutating func next() async throws -> Batch? {
            guard !walk.isOver, rest > 0 else { return nil }
            let (before, count, deadline) = (walk, Swift.min(count, rest), Deadline.current)
            let (hadSnapshots, cache) = (hadSnapshots, pool.cluster.headers)
            let next = Swift.min(batch, rest - count)
            let result = try await pool.withContext(.listImages, on: pool.resource) { context throws(CephError) in
                var reader = ImageReader(context, until: deadline, hadSnapshots: hadSnapshots, cache: cache)
                var walk = before
                let entries = try walk.next(count, in: reader)
                // The directory is read in parallel with the images.
                let page = next > 0 ? walk.prefetch(next, in: reader) : nil
                let images = try reader.images(entries, tellsIncomplete: true)
                var batch = Batch(images: images, end: entries.last?.position, isLast: false)
                if let page { try walk.take(page, in: reader) }
                batch.isLast = walk.isOver
                return (batch: batch, walk: walk, hadSnapshots: reader.hadSnapshots)
            }
            (walk, self.hadSnapshots) = (result.walk, result.hadSnapshots)
            rest -= count
            self.count = batch
            return result.batch
        }
    }
}

extension Pool {
    /// The pool's images, to be read as far as the caller iterates.
    /// - Parameters:
    ///   - ranges: only names in these ranges; others are not read.
    ///   - position: only images after this one.
    ///   - total: the maximum number of images.
    ///   - firstBatch: the maximum number of images in the first batch. A small one comes soon.
    ///   - batch: the maximum number of images in each further batch.
    ///   - matches: only names that this returns true for. Others cost next to nothing.
    public func catalogue(
        in ranges: [NameRange] = [NameRange(prefix: "")],
        after position: ImagePosition? = nil,
        total: Int = .max,
        firstBatch: Int = 1024,
        batch: Int = 1024,
        where matches: (@Sendable (String) -> Bool)? = nil
    ) -> ImageCatalogue {
        let walk = DirectoryWalk(in: ranges, after: position, where: matches)
        let (first, further) = (max(1, firstBatch), max(1, batch))
        return ImageCatalogue(start: .init(pool: self, walk: walk, rest: total, count: first, batch: further))
    }
}
