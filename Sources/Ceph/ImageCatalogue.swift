// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

internal import CRBD
internal import CRados
internal import Glibc

/// Reads images, one or many, without opening any: names and ids from the pool's directory, then one compound read per
/// image with a window of them on their way at once. Lives for one blocking call.
struct ImageCatalogue: ~Copyable {
    /// A name in the pool's directory and the image that it stands for.
    struct Entry: Hashable {
        var name: String
        /// Empty for the old format 1.
        var id: String
        /// A removal of it has begun, and was interrupted or still goes on.
        var isBeingRemoved = false
        /// It was just made from nothing: it has no snapshots, no parent and no metadata.
        var isNew = false
    }

    /// Measured: 16 halves the time of one after another, 64 halves it again, 256 gains nothing more.
    private static let window = 64

    let context: IOContext
    private var poolNames: [Int64: String] = [:]
    var parents: [ImageHeader.ParentReference: ImageInfo.Parent] = [:]

    init(_ context: consuming IOContext) {
        self.context = context
    }

    func resource(_ name: String) -> CephError.Resource {
        .image(name, namespace: context.namespace, pool: context.pool)
    }

    /// The pool's directory, in the order of the names. It lists half-removed images too, and says which they are.
    /// - Throws: `CephError` with `.namespaceNotFound`, `.timedOut`, `.credentialsRefused`, `.clientBlocklisted`.
    /// - C function: rbd_list2, rbd_image_spec_list_cleanup
    func entries() throws(CephError) -> [Entry] {
        var entries = try listed()
        let removed = try imagesBeingRemoved()
        guard !removed.isEmpty else { return entries }
        for index in entries.indices { entries[index].isBeingRemoved = removed[entries[index].id] != nil }
        // One whose removal has not got further than the trash is still in the directory, and is listed twice.
        return entries.indices.filter { $0 == 0 || entries[$0] != entries[$0 - 1] }.map { entries[$0] }
    }

    private func listed() throws(CephError) -> [Entry] {
        let resource: CephError.Resource =
            context.namespace.isEmpty ? .pool(context.pool) : .namespace(context.namespace, pool: context.pool)
        var capacity = 1024
        while true {
            let specs = UnsafeMutablePointer<rbd_image_spec_t>.allocate(capacity: capacity)
            defer { specs.deallocate() }
            var count = capacity
            let result = rbd_list2(context.pointer, specs, &count)
            if result == -ERANGE {
                // The count is now what is needed; images may be added meanwhile.
                capacity = max(count, capacity) + 256
                continue
            }
            try check(result, .listImages, on: resource)
            defer { rbd_image_spec_list_cleanup(specs, count) }
            let entries = (0..<count).map { index in
                Entry(name: String(cString: specs[index].name), id: String(cString: specs[index].id))
            }
            // A namespace that does not exist lists as empty.
            if entries.isEmpty { try context.requireNamespace() }
            return entries.sorted { ($0.name, $0.id) < ($1.name, $1.id) }
        }
    }

    /// One image by its name.
    /// - Parameters:
    ///   - asksTrash: whether to look if it is being removed, which costs no time but is of no use after a create.
    ///   - isNew: whether it was just made from nothing, so that there is less to ask for.
    /// - Throws: `CephError` with `.imageNotFound`, `.namespaceNotFound`, `.timedOut`, `.credentialsRefused`,
    ///   `.clientBlocklisted`.
    /// - C function: rados_read_op_operate (`get_id` of `rbd_id.<name>`)
    mutating func image(
        named name: String,
        asksTrash: Bool = false,
        isNew: Bool = false
    ) throws(CephError) -> ImageInfo {
        let image: ImageInfo?
        if let id = try id(ofImage: name) {
            // On its way while the header is read.
            let trash = asksTrash ? TrashRead(id: id, in: context) : nil
            let metadata = isNew ? nil : MetadataRead(id: id, in: context)
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
    /// - Throws: `CephError` with `.timedOut`, `.credentialsRefused`, `.clientBlocklisted`.
    /// - C function: rados_aio_read_op_operate
    mutating func images(_ entries: [Entry]) throws(CephError) -> [ImageInfo] {
        var headers = try headers(of: entries)
        let detailed = headers.indices.filter { headers[$0]?.hasDetails ?? false }
        let details = try read(detailed.map { entries[$0] }) { _ in ImageHeader.readDetails() }
        for (index, details) in zip(detailed, details) {
            if let details { headers[index]?.add(details) }
        }
        var images: [ImageInfo] = []
        images.reserveCapacity(entries.count)
        for (entry, header) in zip(entries, headers) {
            if let header {
                images.append(try image(entry, header))
            } else if entry.id.isEmpty, let image = try format1Image(named: entry.name) {
                images.append(image)
            }
        }
        return images
    }

    /// - Returns: nil for an image that vanished, and for one of format 1, which has no header of this kind.
    private func headers(of entries: [Entry]) throws(CephError) -> [ImageHeader?] {
        let reads = try read(entries) { ImageHeader.read(isNew: $0.isNew) }
        var headers: [ImageHeader?] = []
        headers.reserveCapacity(entries.count)
        for (entry, read) in zip(entries, reads) {
            let header = read.flatMap { ImageHeader($0, isNew: entry.isNew) }
            if read != nil, header == nil {
                throw CephError(.other, .readImage, on: resource(entry.name), detail: "its header can't be read")
            }
            headers.append(header)
        }
        return headers
    }

    /// Sends a read to the header of each image, with a window of them on their way at once.
    /// - Returns: the finished reads; nil where there is no header.
    private func read(
        _ entries: [Entry],
        _ makeRead: (Entry) -> CompoundRead
    ) throws(CephError) -> [CompoundRead?] {
        var reads: [CompoundRead?] = []
        reads.reserveCapacity(entries.count)
        for (index, entry) in entries.enumerated() {
            while reads.count < entries.count, reads.count < index + Self.window {
                let next = entries[reads.count]
                reads.append(next.id.isEmpty ? nil : makeRead(next))
                if let read = reads[reads.count - 1] {
                    let result = read.submit(to: ImageHeader.object(id: next.id), in: context)
                    try check(result, .readImage, on: resource(next.name))
                }
            }
            guard let result = reads[index]?.wait() else { continue }
            if result == -ENOENT {
                reads[index] = nil
            } else {
                try check(result, .readImage, on: resource(entry.name))
            }
        }
        return reads
    }

    private mutating func image(_ entry: Entry, _ header: ImageHeader) throws(CephError) -> ImageInfo {
        var info = ImageInfo(
            name: entry.name,
            id: entry.id,
            sizeBytes: header.sizeBytes,
            objectSizeBytes: 1 << UInt64(header.order),
            stripeUnitBytes: header.stripeUnitBytes,
            stripeCount: header.stripeCount,
            features: header.features,
            snapshotCount: header.snapshotCount,
            createdAt: header.createdAt,
            isBeingRemoved: entry.isBeingRemoved
        )
        if let id = header.dataPoolID { info.dataPool = try poolName(id: id) }
        if let reference = header.parent {
            info.parent = try parent(reference)
            info.parent?.overlapBytes = header.parentOverlapBytes
        }
        return info
    }

    /// - Returns: nil where no image of format 2 has the name.
    private func id(ofImage name: String) throws(CephError) -> String? {
        try context.text("get_id", of: "rbd_id.\(name)", on: resource(name))
    }

    /// - Returns: `#` and the id for a pool that is gone: one orphan must not hide all the other images.
    mutating func poolName(id: Int64) throws(CephError) -> String {
        if let name = poolNames[id] { return name }
        var name = "#\(id)"
        do {
            name = try context.rados.poolName(id: id)
        } catch  where error.code == .poolNotFound {
            // Told by the number.
        }
        poolNames[id] = name
        return name
    }
}
