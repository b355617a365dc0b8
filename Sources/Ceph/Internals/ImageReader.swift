// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

internal import CRBD
internal import CRados
internal import Glibc
import Naming

/// Reads images without opening any: names and ids from the pool's directory, then one compound read per image, with a
/// window of reads in flight. It lives for one blocking call.
struct ImageReader: ~Copyable {
    let context: IOContext
    private let deadline: ContinuousClock.Instant?
    let cache: HeaderCache?
    var names = ReferenceNames()
    /// Whether the image that was read last has, or had, a snapshot.
    var hadSnapshots: Bool

    /// - Parameters:
    ///   - deadline: when the caller stops waiting. A read of many images then gives up.
    ///   - hadSnapshots: whether the image before the first, if there is one, has or had a snapshot.
    ///   - cache: the cache of headers, for callers that read many of them repeatedly.
    init(
        _ context: consuming IOContext,
        until deadline: ContinuousClock.Instant? = nil,
        hadSnapshots: Bool = false,
        cache: HeaderCache? = nil
    ) {
        self.context = context
        self.deadline = deadline
        self.hadSnapshots = hadSnapshots
        self.cache = cache
    }

    func resource(_ name: String) -> CephError.Resource {
        .image(context.place.image(name))
    }

    /// One image by its name in the pool's directory.
    /// - Throws: `CephError` with `.imageNotFound`, `.imageIncomplete` (the name is taken, but there is no complete
    ///   image behind it), `.imageUnreadable`, `.namespaceNotFound`.
    /// - C function: rados_read_op_operate (`dir_get_id` of `rbd_directory`), rados_aio_read_op_operate (`trash_get` of
    ///   `rbd_trash`, `metadata_list` of the header)
    mutating func image(named name: RawName) throws(CephError) -> ImageInfo {
        let resource = resource(name.text)
        var isHollow = false
        // The image may be removed or renamed between the first read and the last.
        for _ in 0..<3 {
            let id: String
            switch try DirectoryRead.image(named: name, in: context, on: resource) {
            case .image(let found): id = found
            case .perhapsFormat1:
                if let image = try format1Image(named: name.text) { return image }
                fallthrough
            case .nobody:
                // The namespace may be missing. This is checked only now, because it costs a round trip.
                try context.requireNamespace()
                throw CephError(.imageNotFound, .readImage, on: resource)
            }
            if let image = try image(Entry(nameBytes: name.bytes, id: id), resource) { return image }
            guard let trace = try context.standing(of: name, on: resource).image, trace.id == id else { continue }
            guard trace.hasHeader else { throw CephError(.imageIncomplete, .readImage, on: resource) }
            // The header was written in between, or it is empty.
            isHollow = true
        }
        throw CephError(isHollow ? .imageUnreadable : .imageIncomplete, .readImage, on: resource, errno: ENOENT)
    }

    /// - Returns: nil if it has no header.
    private mutating func image(_ entry: Entry, _ resource: CephError.Resource) throws(CephError) -> ImageInfo? {
        // These are in flight while the header is read.
        let trash = TrashRead(id: entry.id, in: context)
        let metadata = MetadataRead(id: entry.id, in: context)
        // A single image is read completely at once, because a second round trip would take longer.
        hadSnapshots = true
        let found = try images([entry]).first
        let trashed = try trash.entry(.readImage, on: resource)
        if let trashed, trashed.source != .removing {
            throw CephError(.imageNotFound, .readImage, on: resource, detail: "it is in the trash")
        }
        let pairs = try metadata.pairs(on: resource, in: context)
        guard var image = found else { return nil }
        if let trouble = image.trouble { throw trouble }
        image.isBeingRemoved = trashed != nil
        image.metadata = pairs
        return image
    }

    /// Reads an image that was just created from nothing, which needs fewer requests.
    /// - Throws: `CephError` with `.imageNotFound`.
    mutating func newImage(named name: RawName, id: String) throws(CephError) -> ImageInfo {
        guard var image = try images([Entry(nameBytes: name.bytes, id: id, isNew: true)]).first else {
            throw CephError(.imageNotFound, .readImage, on: resource(name.text))
        }
        if let trouble = image.trouble { throw trouble }
        image.metadata = [:]
        return image
    }

    /// Throws if the caller no longer waits for the rest of a long list.
    func requireTime() throws(CephError) {
        guard let deadline, deadline <= .now else { return }
        throw CephError(.timedOut, .listImages, on: .pool(context.pool))
    }
}
