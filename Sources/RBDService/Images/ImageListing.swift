// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

import Ceph
import Naming
import RBDAPI

/// A list of images. It is read as it is sent, and keeps nothing that was sent.
struct ImageListing: Sendable {
    let service: ImageService
    let place: Place
    let query: ImageQuery
    /// Kept here, because a stream is written after the request's handler has returned.
    let access = Access.current

    /// The number of images that are read at a time. Between two batches, no read is on its way for a moment.
    private static let batch = 1024

    // MARK: Pages

    /// One page.
    /// - Parameter take: called with the images in order, several at a time.
    /// - Returns: where the next page begins; nil if there is none.
    func page(_ take: (Seen<[RBDAPI.Image]>) -> Void) async throws -> ImageCursor? {
        try await query.isInDirectoryOrder ? walk(query.pageItems, take) : select(query.pageItems, take)
    }

    private func walk(_ limit: Int, _ take: (Seen<[RBDAPI.Image]>) -> Void) async throws -> ImageCursor? {
        var rest = limit
        // Without further filters, only as many images are read as are needed.
        let total = query.asksHeaders ? Int.max : limit
        var batches = try catalogue(after: query.cursor?.position, total: total).makeAsyncIterator()
        var end: ImagePosition?
        var next = try await batches.next()
        while let batch = next {
            let wanted = batch.images.filter(query.matches)
            let images = wanted.prefix(rest)
            rest -= images.count
            end = batch.isLast ? nil : batch.end
            if rest == 0, let last = images.last {
                take(try await shown(images))
                return batch.isLast && images.count == wanted.count ? nil : ImageCursor(last, query.sort)
            }
            // The next batch is read while this one is written. Both use this thread, so the read must be sent first.
            let before = batches
            async let following = Self.advance(before)
            await Task.yield()
            take(try await shown(images))
            (next, batches) = try await following
        }
        // The directory had enough names, but some images were gone when they were read.
        return end.map { ImageCursor(position: $0) }
    }

    private static func advance(
        _ batches: ImageCatalogue.AsyncIterator
    ) async throws -> (ImageCatalogue.Batch?, ImageCatalogue.AsyncIterator) {
        var batches = batches
        return (try await batches.next(), batches)
    }

    /// Any order but the directory's needs all images to be read. Only those that come first are kept.
    private func select(_ limit: Int, _ take: (Seen<[RBDAPI.Image]>) -> Void) async throws -> ImageCursor? {
        var first: [(cursor: ImageCursor, image: ImageInfo)] = []
        func trim() {
            first.sort { query.precedes($0.cursor, $1.cursor) }
            // One more tells whether there is a next page.
            first.removeLast(max(0, first.count - limit - 1))
        }
        for try await batch in try catalogue(after: nil) {
            for image in batch.images where query.matches(image) {
                let cursor = ImageCursor(image, query.sort)
                if let last = query.cursor, !query.precedes(last, cursor) { continue }
                first.append((cursor, image))
            }
            if first.count > 2 * limit + Self.batch { trim() }
        }
        trim()
        let page = first.prefix(limit)
        take(try await shown(page.map(\.image)))
        return first.count > limit ? page.last?.cursor : nil
    }

    // MARK: Streams

    /// Images sorted by name, several at a time. The first batch is small, so that it comes soon.
    struct Stream: Sendable {
        private let listing: ImageListing
        private var batches: ImageCatalogue.AsyncIterator
        private var rest: Int

        fileprivate init(_ listing: ImageListing) throws {
            self.listing = listing
            let query = listing.query
            rest = query.limit ?? .max
            batches = try listing.catalogue(
                after: query.cursor?.position,
                total: query.asksHeaders ? .max : rest,
                firstBatch: 32
            ).makeAsyncIterator()
        }

        mutating func next() async throws -> Seen<[RBDAPI.Image]>? {
            guard rest > 0, let batch = try await batches.next() else { return nil }
            let images = batch.images.filter(listing.query.matches).prefix(rest)
            rest -= images.count
            return try await listing.shown(images)
        }
    }

    func stream() throws -> Stream { try Stream(self) }

    // MARK: Images

    private func catalogue(
        after position: ImagePosition?,
        total: Int = .max,
        firstBatch: Int = batch
    ) throws -> ImageCatalogue {
        var matches: (@Sendable (String) -> Bool)?
        if let pattern = query.pattern { matches = { pattern.matches($0) } }
        if !access.isUnlimited, !access.may(.read, .namespace(place)) {
            matches = { [access, place, pattern = query.pattern] name in
                access.may(.read, .name(name, place: place)) && pattern.map { $0.matches(name) } ?? true
            }
        }
        let prefix = NameRange(prefix: query.prefix)
        // Names out of scope are not read at all, so the duration of a list reveals nothing about them.
        let ranges = access.readableNames(in: place).compactMap(prefix.intersection)
        return try service.images.pool(place).catalogue(
            in: ranges,
            after: position,
            total: total,
            firstBatch: firstBatch,
            batch: Self.batch,
            where: matches
        )
    }

    private func shown(_ images: some Sequence<ImageInfo>) async throws -> Seen<[RBDAPI.Image]> {
        var shown = images.map { RBDAPI.Image($0, in: place) }
        try await service.add(query.fields, to: &shown, in: place)
        return Seen(shown, by: access)
    }
}
