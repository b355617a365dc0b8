// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

internal import Glibc
import Naming

extension ImageReader {
    /// Measured: a window of 16 halves the time of sequential reads, 64 halves it again, 256 gains nothing more.
    private static let window = 128
    /// The number of reads that are sent and waited for together: measured to save a tenth of the time.
    private static let burst = 32

    /// Images that are read together.
    private struct Batch {
        let entries: [Entry]
        /// Their cached headers.
        let known: HeaderCache.Knowledge
        /// Nil for images that no longer exist.
        var images: [ImageInfo?]
        /// Headers that were read, for the cache.
        var headers: [(index: Int, header: ImageHeader, version: UInt64)] = []
        /// Headers that refer to a parent or a group.
        var references: [(index: Int, header: ImageHeader)] = []
        /// Images whose snapshots are being counted.
        var snapshots: ArraySlice<(index: Int, read: CompoundRead)> = []
        /// Cached headers that must be read again.
        var changed: [Int] = []
        var unchangedCount = 0

        init(_ entries: [Entry], known: HeaderCache.Knowledge?) {
            self.entries = entries
            self.known =
                known ?? .init(headers: Array(repeating: nil, count: entries.count), isWorthAsking: false)
            images = Array(repeating: nil, count: entries.count)
        }

        /// Whether most of the cached headers were still valid; nil if none was cached.
        var isMostlyUnchanged: Bool? {
            let knownCount = known.headers.count { $0 != nil }
            return knownCount == 0 ? nil : unchangedCount * 2 >= knownCount
        }
    }

    /// Reads many images, in the order of the entries. Images that were deleted since they were listed are left out. An
    /// image that can't be read is returned with its name, its id and the reason. The others are not affected.
    ///
    /// A window of reads is in flight at any time, and each is turned into an image when its turn comes. Reads are sent
    /// and waited for in bursts, because waiting for each one would wake a thread for each. If a header is cached, its
    /// version is checked, and the header is read only if that has changed. Snapshots are counted if there ever was
    /// one. The names of parents and groups are read meanwhile, each once.
    /// - Parameter tellsIncomplete: whether to return names that the directory still has but that have no header.
    /// - C function: rados_aio_read_op_operate
    mutating func images(_ entries: [Entry], tellsIncomplete: Bool = false) throws(CephError) -> [ImageInfo] {
        let place = NumberedPlace(poolID: context.poolID, namespace: context.namespace)
        var batch = Batch(entries, known: cache?.knowledge(of: entries.lazy.map(\.id), in: place))
        try read(entries.indices, of: &batch, asksVersions: batch.known.isWorthAsking)
        try read(batch.changed, of: &batch, asksVersions: false)
        for (index, read) in batch.snapshots {
            try requireTime()
            try countSnapshots(read, of: index, in: &batch)
        }
        for (index, header) in batch.references {
            try requireTime()
            guard var image = batch.images[index] else { continue }
            try names.tell(&image, header, in: context)
            batch.images[index] = image
        }
        if tellsIncomplete {
            for index in entries.indices where batch.images[index] == nil {
                try requireTime()
                batch.images[index] = try incomplete(entries[index])
            }
        }
        if let cache {
            let headers = batch.headers.lazy.map { index, header, version in
                var header = header
                header.snapshotCount = batch.images[index]?.snapshotCount ?? 0
                return (id: entries[index].id, known: HeaderCache.Known(header, version: version))
            }
            cache.keep(headers, of: place, unchanged: batch.isMostlyUnchanged)
        }
        return batch.images.compactMap(\.self)
    }

    /// - Parameter asksVersions: whether to check the versions of cached headers; else all of them are read.
    private mutating func read(
        _ indices: some RandomAccessCollection<Int>,
        of batch: inout Batch,
        asksVersions: Bool
    ) throws(CephError) {
        var window = ReadWindow(capacity: Self.window)
        var next = indices.startIndex
        for (number, index) in indices.enumerated() {
            if number % Self.burst == 0 {
                try requireTime()
                while next < indices.endIndex, window.hasRoom {
                    let entry = batch.entries[indices[next]]
                    let known = asksVersions ? batch.known.headers[indices[next]] : nil
                    window.append(submitRead(of: entry, known))
                    indices.formIndex(after: &next)
                }
                window.waitForFirst(Self.burst)
            }
            try takeIn(window.removeFirst(), of: index, in: &batch)
        }
    }

    /// - Returns: nil for an image of the old format, which has no header of this kind.
    private func submitRead(of entry: Entry, _ known: HeaderCache.Known?) -> ReadWindow.Read? {
        if entry.id.isEmpty { return nil }
        let read: ReadWindow.Read
        if let known {
            read = .init(question: .version, read: ImageHeader.check(version: known.version))
        } else if hadSnapshots, !entry.isNew {
            // The images of one pool are similar: an image after one with snapshots probably has snapshots.
            read = .init(question: .headerAndSnapshots, read: ImageHeader.read(withSnapshots: true))
        } else {
            read = .init(question: .header, read: ImageHeader.read(withSnapshots: false))
        }
        read.read.submit(to: ImageHeader.object(id: entry.id), in: context)
        return read
    }

    /// Returns an image that can't be read, with what is known of it.
    /// - Throws: `CephError` if it is about the pool or the service, and not about this image.
    private func unreadable(_ entry: Entry, _ error: CephError) throws(CephError) -> ImageInfo {
        switch error.code {
        case let code where code.isOfTheWholePool: throw error
        case .imageUnreadable, .parentNotFound: return ImageInfo(entry, trouble: error)
        default:
            let detail = error.detail
            let trouble = CephError(
                .imageUnreadable,
                .readImage,
                on: resource(entry.name),
                errno: error.errno,
                detail: detail
            )
            return ImageInfo(entry, trouble: trouble)
        }
    }

    private func unreadable(_ entry: Entry, _ result: CInt) throws(CephError) -> ImageInfo {
        try unreadable(entry, CephError(errno: -result, .readImage, on: resource(entry.name)))
    }

    /// - Returns: nil if the directory no longer has the image, or its removal has reached the header.
    private func incomplete(_ entry: Entry) throws(CephError) -> ImageInfo? {
        guard !entry.id.isEmpty, !entry.isBeingRemoved else { return nil }
        let resource = resource(entry.name)
        let standing = try context.standing(of: entry.fullName, on: resource)
        guard standing.image?.id == entry.id else { return nil }
        switch standing.state {
        case .withoutHeader: return ImageInfo(entry, trouble: CephError(.imageIncomplete, .readImage, on: resource))
        case .whole, .withoutNameObject, .contradictory:
            // The header was written in between, or it is empty.
            if let image = try openedOrUnreadable(entry) { return image }
            guard try TraceRead(entry.id, in: context).answer(on: resource).hasHeader else { return nil }
            return try unreadable(entry, -ENOENT)
        case .free, .halfTrashed, .beingRemoved, .strayNameObject: return nil
        }
    }

    private mutating func takeIn(
        _ read: ReadWindow.Read?,
        of index: Int,
        in batch: inout Batch
    ) throws(CephError) {
        let entry = batch.entries[index]
        guard let (question, read) = read.map({ ($0.question, $0.read) }) else {
            do throws(CephError) {
                batch.images[index] = try format1Image(named: entry.name)
            } catch {
                batch.images[index] = try unreadable(entry, error)
            }
            return
        }
        let result = read.wait()
        if result == -ENOENT { return }
        let known = batch.known.headers[index]
        if question == .version, let known {
            if result == -ERANGE || result == -EOVERFLOW {
                batch.changed.append(index)
                return
            }
            guard result >= 0 else {
                batch.images[index] = try unreadable(entry, result)
                return
            }
            batch.unchangedCount += 1
            try takeIn(known.header, of: index, in: &batch)
            return
        }
        guard result >= 0 else {
            batch.images[index] = try unreadable(entry, result)
            return
        }
        guard let header = ImageHeader(read, withSnapshots: question == .headerAndSnapshots) else {
            batch.images[index] = try openedOrUnreadable(entry)
            return
        }
        if known?.version == read.version {
            batch.unchangedCount += 1
        }
        if cache != nil { batch.headers.append((index, header, read.version)) }
        try takeIn(header, of: index, in: &batch)
        guard hadSnapshots, question == .header else { return }
        if batch.snapshots.count >= Self.window, let first = batch.snapshots.popFirst() {
            try countSnapshots(first.read, of: first.index, in: &batch)
        }
        let snapshots = ImageHeader.readSnapshots()
        snapshots.submit(to: ImageHeader.object(id: entry.id), in: context)
        batch.snapshots.append((index, snapshots))
    }

    private mutating func takeIn(
        _ header: ImageHeader,
        of index: Int,
        in batch: inout Batch
    ) throws(CephError) {
        if header.parent != nil || header.group != nil {
            try names.expect(header, in: context)
            batch.references.append((index, header))
        }
        hadSnapshots = header.snapshotSequence > 0
        batch.images[index] = try image(batch.entries[index], header)
    }

    private func countSnapshots(
        _ read: CompoundRead,
        of index: Int,
        in batch: inout Batch
    ) throws(CephError) {
        let entry = batch.entries[index]
        let result = read.wait()
        // The image was just removed. It is returned as it was read, without the count of its snapshots.
        if result == -ENOENT { return }
        guard result >= 0 else {
            batch.images[index] = try unreadable(entry, result)
            return
        }
        if let count = ImageHeader.snapshotCount(in: read) {
            batch.images[index]?.snapshotCount = count
        } else if let opened = try openedOrUnreadable(entry) {
            if opened.trouble != nil { batch.images[index] = opened }
            batch.images[index]?.snapshotCount = opened.snapshotCount
        }
    }

    private func openedOrUnreadable(_ entry: Entry) throws(CephError) -> ImageInfo? {
        do throws(CephError) {
            return try openedImage(entry)
        } catch {
            return try unreadable(entry, error)
        }
    }

    private mutating func image(_ entry: Entry, _ header: ImageHeader) throws(CephError) -> ImageInfo {
        ImageInfo(
            name: entry.name,
            rawName: entry.rawName,
            id: entry.id,
            sizeBytes: header.sizeBytes,
            objectSizeBytes: header.objectSizeBytes,
            stripeUnitBytes: header.stripeUnitBytes,
            stripeCount: header.stripeCount,
            features: header.features,
            operationFeatures: OperationFeatures(rawValue: header.operationFeatures),
            flags: ImageFlags(rawValue: header.flags),
            snapshotCount: header.snapshotCount,
            createdAt: header.createdAt,
            modifiedAt: header.modifiedAt,
            accessedAt: header.accessedAt,
            dataPool: try header.dataPoolID.map { id throws(CephError) in try names.poolName(id: id, in: context) },
            isBeingRemoved: entry.isBeingRemoved
        )
    }
}
