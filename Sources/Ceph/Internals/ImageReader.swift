// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

internal import CRBD
internal import CRados
internal import Glibc

/// Reads images, one or many, without opening any: names and ids from the pool's directory, then one compound read per
/// image with a window of them on their way at once. Lives for one blocking call.
struct ImageReader: ~Copyable {
    /// Measured: 16 halves the time of one after another, 64 halves it again, 256 gains nothing more.
    private static let window = 128
    /// How many reads are sent, and waited for, together: measured to spare a tenth of the time.
    private static let burst = 32

    let context: IOContext
    private let deadline: ContinuousClock.Instant?
    private var names = ReferenceNames()
    /// Whether the image that was read last has, or had, a snapshot.
    private(set) var hadSnapshots: Bool

    /// - Parameters:
    ///   - deadline: when nobody waits any more; one that reads many images gives up then.
    ///   - hadSnapshots: whether the image before the first, if there is one, has or had a snapshot.
    init(
        _ context: consuming IOContext,
        until deadline: ContinuousClock.Instant? = nil,
        hadSnapshots: Bool = false
    ) {
        self.context = context
        self.deadline = deadline
        self.hadSnapshots = hadSnapshots
    }

    func resource(_ name: String) -> CephError.Resource {
        .image(name, namespace: context.namespace, pool: context.pool)
    }

    /// The pool's directory as a whole, in the order of the names. It has half-removed images too, and says which they are.
    /// - Throws: `CephError` with `.namespaceNotFound`, `.timedOut`, `.credentialsRefused`, `.clientBlocklisted`.
    /// - C function: rados_read_op_operate (`dir_list` of `rbd_directory`, `trash_list` of `rbd_trash`)
    func entries() throws(CephError) -> [Entry] {
        var walk = DirectoryWalk()
        return try walk.next(.max, in: self)
    }

    /// One image by its name.
    /// - Parameters:
    ///   - id: where it is known.
    ///   - asksTrash: whether to look if it is being removed, which costs no time but is of no use after a create.
    ///   - isNew: whether it was just made from nothing, so that there is less to ask for.
    /// - Throws: `CephError` with `.imageNotFound`, `.namespaceNotFound`, `.timedOut`, `.credentialsRefused`,
    ///   `.clientBlocklisted`.
    /// - C function: rados_read_op_operate (`get_id` of `rbd_id.<name>`)
    mutating func image(
        named name: String,
        id known: String? = nil,
        asksTrash: Bool = false,
        isNew: Bool = false
    ) throws(CephError) -> ImageInfo {
        let image: ImageInfo?
        let found: String? = if let known { known } else { try id(ofImage: name) }
        if let id = found {
            // On its way while the header is read.
            let trash = asksTrash ? TrashRead(id: id, in: context) : nil
            let metadata = isNew ? nil : MetadataRead(id: id, in: context)
            // One image is asked for all at once: a second round trip would take longer.
            hadSnapshots = true
            let header = try images([Entry(name: name, id: id, isNew: isNew)]).first
            let isBeingRemoved = try trash?.entry(.readImage, on: resource(name))?.source == .removing
            let pairs = try metadata?.pairs(on: resource(name), in: context) ?? [:]
            image = header.map { header in
                var image = header
                image.isBeingRemoved = isBeingRemoved
                image.metadata = pairs
                return image
            }
        } else {
            image = try format1Image(named: name)
        }
        guard let image else {
            // The namespace may be what is missing; asked only now, because it costs a round trip.
            try context.requireNamespace()
            throw CephError(.imageNotFound, .readImage, on: resource(name))
        }
        return image
    }

    /// Many images, in the order of the entries. Those that vanished since they were listed are left out.
    ///
    /// A window of reads is on its way at any time, each turned into an image and let go when its turn comes. It is filled, and
    /// waited for, some at a time: to wait for each alone would wake a thread for each. Snapshots are asked for where there
    /// ever was one; names of parents and groups meanwhile, each once.
    /// - Throws: `CephError` with `.timedOut`, `.credentialsRefused`, `.clientBlocklisted`.
    /// - C function: rados_aio_read_op_operate
    mutating func images(_ entries: some RandomAccessCollection<Entry>) throws(CephError) -> [ImageInfo] {
        var images: [ImageInfo] = []
        images.reserveCapacity(entries.count)
        var references: [(image: Int, header: ImageHeader)] = []
        var snapshots: ArraySlice<(image: Int, entry: Entry, read: CompoundRead)> = []
        var window = ReadWindow(capacity: Self.window)
        var next = entries.startIndex
        for (number, entry) in entries.enumerated() {
            if number % Self.burst == 0 {
                try requireTime()
                while next < entries.endIndex, window.hasRoom {
                    try window.append(submitRead(of: entries[next]))
                    entries.formIndex(after: &next)
                }
                window.waitForFirst(Self.burst)
            }
            guard let (read, withSnapshots) = window.removeFirst() else {
                if let image = try format1Image(named: entry.name) { images.append(image) }
                continue
            }
            let result = read.wait()
            if result == -ENOENT { continue }
            try check(result, .readImage, on: resource(entry.name))
            guard let header = ImageHeader(read, withSnapshots: withSnapshots) else {
                if let image = try openedImage(entry) { images.append(image) }
                continue
            }
            if header.parent != nil || header.group != nil {
                try names.expect(header, in: context)
                references.append((images.count, header))
            }
            hadSnapshots = header.snapshotSequence > 0
            if hadSnapshots, !withSnapshots {
                if snapshots.count >= Self.window, let first = snapshots.popFirst() {
                    try countSnapshots(first.read, first.entry, in: &images[first.image])
                }
                snapshots.append((images.count, entry, try submitSnapshots(of: entry)))
            }
            images.append(try image(entry, header))
        }
        for (image, entry, read) in snapshots {
            try requireTime()
            try countSnapshots(read, entry, in: &images[image])
        }
        for reference in references {
            try requireTime()
            try names.tell(&images[reference.image], reference.header, in: context)
        }
        return images
    }

    /// - Returns: nil for an image of the old format, which has no header of this kind.
    private func submitRead(of entry: Entry) throws(CephError) -> ReadWindow.Read? {
        if entry.id.isEmpty { return nil }
        // Images of one pool are alike: what has been snapshotted comes among its like.
        let withSnapshots = hadSnapshots && !entry.isNew
        let read = ImageHeader.read(withSnapshots: withSnapshots)
        try check(read.submit(to: ImageHeader.object(id: entry.id), in: context), .readImage, on: resource(entry.name))
        return (read, withSnapshots)
    }

    private func submitSnapshots(of entry: Entry) throws(CephError) -> CompoundRead {
        let read = ImageHeader.readSnapshots()
        try check(read.submit(to: ImageHeader.object(id: entry.id), in: context), .readImage, on: resource(entry.name))
        return read
    }

    private func countSnapshots(
        _ read: CompoundRead,
        _ entry: Entry,
        in image: inout ImageInfo
    ) throws(CephError) {
        let result = read.wait()
        // Removed in this moment: it is told as it was, without them.
        if result == -ENOENT { return }
        try check(result, .readImage, on: resource(entry.name))
        guard let count = ImageHeader.snapshotCount(in: read) else {
            if let opened = try openedImage(entry) { image.snapshotCount = opened.snapshotCount }
            return
        }
        image.snapshotCount = count
    }

    /// Nobody waits for the rest of a long list any more.
    func requireTime() throws(CephError) {
        guard let deadline, deadline <= .now else { return }
        throw CephError(.timedOut, .listImages, on: .pool(context.pool))
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

    /// - Returns: nil where no image of format 2 has the name.
    private func id(ofImage name: String) throws(CephError) -> String? {
        try context.text("get_id", of: "rbd_id.\(name)", on: resource(name))
    }
}
