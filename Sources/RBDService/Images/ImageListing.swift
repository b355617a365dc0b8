// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

import Ceph
import RBDAPI

/// A list of images, read as far as it is sent: what has been handed on is kept no longer.
struct ImageListing: Sendable {
    let service: ImageService
    let place: ImagePlace
    let query: ImageQuery

    private static let batch = 512

    // MARK: Pages

    /// One page.
    /// - Parameter take: is given the images, some at a time, in their order.
    /// - Returns: where the next page begins; nil where there is none.
    func page(_ take: ([RBDAPI.Image]) -> Void) async throws -> ImageCursor? {
        let limit = query.limit ?? Query.defaultLimit
        return query.isInDirectoryOrder ? try await walk(limit, take) : try await select(limit, take)
    }

    private func walk(_ limit: Int, _ take: ([RBDAPI.Image]) -> Void) async throws -> ImageCursor? {
        var rest = limit
        let batch = query.asksHeaders ? Self.batch : min(limit, Self.batch)
        var batches = try catalogue(firstBatch: batch).makeAsyncIterator()
        while let batch = try await batches.next() {
            let wanted = batch.images.filter(query.matches)
            let images = wanted.prefix(rest)
            take(try await shown(images))
            rest -= images.count
            if rest == 0, let last = images.last {
                return batch.isLast && images.count == wanted.count ? nil : ImageCursor(last, query.sort)
            }
            // Without anything else to ask of them, no more are read than are wanted.
            if !query.asksHeaders { batches.limit(to: rest) }
        }
        return nil
    }

    /// In another order than the directory's all images have to be looked at. Of those that come first as many are kept as a
    /// page has.
    private func select(_ limit: Int, _ take: ([RBDAPI.Image]) -> Void) async throws -> ImageCursor? {
        var first: [(cursor: ImageCursor, image: ImageInfo)] = []
        func trim() {
            first.sort { query.precedes($0.cursor, $1.cursor) }
            // One more says that there is a next page.
            first.removeLast(max(0, first.count - limit - 1))
        }
        for try await batch in try catalogue(after: nil, firstBatch: Self.batch) {
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

    /// Images in the order of their names, some at a time. The first come soon.
    struct Stream: Sendable {
        private let listing: ImageListing
        private var batches: ImageCatalogue.AsyncIterator
        private var rest: Int

        fileprivate init(_ listing: ImageListing) throws {
            self.listing = listing
            batches = try listing.catalogue(firstBatch: 32).makeAsyncIterator()
            rest = listing.query.limit ?? .max
        }

        mutating func next() async throws -> [RBDAPI.Image]? {
            guard rest > 0, let batch = try await batches.next() else { return nil }
            let images = batch.images.filter(listing.query.matches).prefix(rest)
            rest -= images.count
            return try await listing.shown(images)
        }
    }

    func stream() throws -> Stream { try Stream(self) }

    // MARK: Images

    private func catalogue(firstBatch: Int) throws -> ImageCatalogue {
        try catalogue(after: query.cursor?.position, firstBatch: firstBatch)
    }

    private func catalogue(after position: ImagePosition?, firstBatch: Int) throws -> ImageCatalogue {
        var matches: (@Sendable (String) -> Bool)?
        if let pattern = query.pattern { matches = { pattern.matches($0) } }
        return try service.images.pool(place).catalogue(
            prefix: query.prefix,
            after: position,
            firstBatch: firstBatch,
            batch: Self.batch,
            where: matches
        )
    }

    private func shown(_ images: some Sequence<ImageInfo>) async throws -> [RBDAPI.Image] {
        var shown = images.map { RBDAPI.Image($0, in: place) }
        try await service.add(query.fields, to: &shown, in: place)
        return shown
    }
}
