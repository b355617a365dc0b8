// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

/// The images of a pool or of one of its namespaces with all that their headers say, in the order of their names' bytes, a
/// batch at a time. One round trip for each image, dozens of them on their way at once, and none is opened.
///
/// Each batch is a blocking call of its own, made when it is asked for: memory and the time until a cancellation takes effect
/// are those of one batch, whatever the pool holds, and each call keeps the deadline of the task that asks. Images may come and
/// go meanwhile; whatever is there all the time is told once.
public struct ImageCatalogue: AsyncSequence, Sendable {
    public struct Batch: Sendable {
        public var images: [ImageInfo]
        /// Where it ended: after the last image that was in the directory, even where that one had gone when it was read. Nil
        /// where there was none.
        public var end: ImagePosition?
        /// Whether there are no more.
        public var isLast: Bool
    }

    let pool: Pool
    let walk: DirectoryWalk
    let total: Int
    let firstBatch: Int
    let batch: Int

    public func makeAsyncIterator() -> AsyncIterator {
        AsyncIterator(pool: pool, walk: walk, rest: total, count: firstBatch, batch: batch, hadSnapshots: false)
    }

    public struct AsyncIterator: AsyncIteratorProtocol, Sendable {
        let pool: Pool
        var walk: DirectoryWalk
        var rest: Int
        var count: Int
        let batch: Int
        /// What was seen in the batch before.
        var hadSnapshots: Bool

        /// - Throws: `CephError` with `.namespaceNotFound`, `.poolNotFound`, `.timedOut`, `.credentialsRefused`,
        ///   `.clientBlocklisted`; `CancellationError`.
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
                // The directory is read on while the images are read.
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
    /// The pool's images, to be read as far as somebody wants to.
    /// - Parameters:
    ///   - ranges: only names in these; others are not read.
    ///   - position: only what comes after it.
    ///   - total: how many images are wanted at the most.
    ///   - firstBatch: how many images the first batch holds at the most; a small one comes soon.
    ///   - batch: how many images each further batch holds at the most.
    ///   - matches: only names of which this is true. Others cost next to nothing.
    public func catalogue(
        in ranges: [NameRange] = [NameRange(prefix: "")],
        after position: ImagePosition? = nil,
        total: Int = .max,
        firstBatch: Int = 1024,
        batch: Int = 1024,
        where matches: (@Sendable (String) -> Bool)? = nil
    ) -> ImageCatalogue {
        ImageCatalogue(
            pool: self,
            walk: DirectoryWalk(in: ranges, after: position, where: matches),
            total: total,
            firstBatch: max(1, firstBatch),
            batch: max(1, batch)
        )
    }
}
