// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

internal import CRBD
internal import Glibc

/// An image in the trash, and the contents of its header.
public struct TrashedImage: Hashable, Sendable {
    public var entry: TrashEntry
    /// Nil if there is no header: the removal is almost complete, or the header was lost. If the header can't be read,
    /// ``ImageInfo/trouble`` says why.
    public var image: ImageInfo?
}

extension Pool {
    /// The trash of this place, sorted by id, including entries that librbd's own list hides.
    /// - Parameters:
    ///   - id: only entries after this one.
    ///   - limit: the maximum number of entries.
    ///   - isWanted: selects entries by the name that the image had; all others are left out.
    /// - Throws: `CephError` with `.namespaceNotFound`.
    /// - C function: rados_read_op_operate (`trash_list` of `rbd_trash`), rados_aio_read_op_operate (class `rbd`)
    public func trash(
        after id: String = "",
        limit: Int = .max,
        where isWanted: @escaping @Sendable (_ name: String) -> Bool = { _ in true }
    ) async throws -> [TrashedImage] {
        try await withContext(.listTrash, on: resource) { context throws(CephError) in
            try context.requireNamespace()
            var reader = ImageReader(context)
            let entries = try reader.trashEntries(.listTrash).filter { $0.id > id && isWanted($0.name) }.prefix(limit)
            // An image that can't be read has no details. The others are returned anyway.
            let images = try reader.images(entries.map { ImageReader.Entry(name: $0.name, id: $0.id) })
            let byID = Dictionary(images.map { ($0.id, $0) }) { first, _ in first }
            return entries.map { TrashedImage(entry: $0, image: byID[$0.id]) }
        }
    }

    /// One entry of the trash.
    /// - Parameter isWanted: selects the entry by the name that the image had; an entry that is not selected appears
    ///   not to exist.
    /// - Throws: `CephError` with `.trashEntryNotFound`, `.namespaceNotFound`.
    /// - C function: rados_read_op_operate (`trash_get` of `rbd_trash`), rados_aio_read_op_operate (class `rbd`)
    public func trashedImage(
        id: String,
        where isWanted: @escaping @Sendable (_ name: String) -> Bool = { _ in true }
    ) async throws -> TrashedImage {
        let resource = resource(ofImage: "#\(id)")
        return try await withContext(.listTrash, on: resource) { context throws(CephError) in
            var reader = ImageReader(context)
            let found = try TrashRead(id: id, in: reader.context).entry(.listTrash, on: resource)
            guard let entry = found, isWanted(entry.name) else {
                try reader.context.requireNamespace()
                throw CephError(.trashEntryNotFound, .listTrash, on: resource)
            }
            let image = try reader.images([ImageReader.Entry(name: entry.name, id: id)]).first
            return TrashedImage(entry: entry, image: image)
        }
    }

    /// Removes an image in the trash and its data for good, and continues an interrupted removal. Callers have checked
    /// by the cluster's clock that it has expired: librbd would use the clock of this machine.
    /// - Parameters:
    ///   - call: observes and stops it.
    ///   - threads: the pool to make the call in; the duration depends on the amount of data.
    /// - Throws: `CephError` with `.trashEntryNotFound`, `.imageBusy` (a client has it open), `.imageHasSnapshots`,
    ///   `.imageInGroup`, `.stopped`, `.poolFull`.
    /// - C function: rbd_trash_remove_with_progress
    public func purgeImage(id: String, call: LongCall, on threads: BlockingPool) async throws {
        let resource = resource(ofImage: "#\(id)")
        try await withContext(.purgeImage, on: resource, through: threads) { context throws(CephError) in
            try call.begin(.purgeImage, on: resource)
            let result = rbd_trash_remove_with_progress(context.pointer, id, true, LongCall.callback, call.context)
            if result == -ENOENT { try context.requireNamespace() }
            try check(result, .purgeImage, on: resource)
        }
    }
}
