// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

internal import CRBD
internal import Glibc

/// An image in the trash, and what its header says.
public struct TrashedImage: Hashable, Sendable {
    public var entry: TrashEntry
    /// Nil where the header is gone: its removal has almost come to its end, or it was lost. Where it can't be read, it has its
    /// ``ImageInfo/trouble``.
    public var image: ImageInfo?
}

extension Pool {
    /// The trash of this place, those included that librbd's own list hides, in the order of their ids.
    /// - Parameters:
    ///   - id: only entries after this one.
    ///   - limit: at most so many.
    ///   - isWanted: by the name that the image had; others are left out.
    /// - Throws: `CephError` with `.namespaceNotFound`, `.poolNotFound`, `.timedOut`, `.credentialsRefused`,
    ///   `.clientBlocklisted`.
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
            // An image that can't be read is one without details: the others are told all the same.
            let images = try reader.images(entries.map { ImageReader.Entry(name: $0.name, id: $0.id) })
            let byID = Dictionary(images.map { ($0.id, $0) }) { first, _ in first }
            return entries.map { TrashedImage(entry: $0, image: byID[$0.id]) }
        }
    }

    /// One entry of the trash.
    /// - Parameter isWanted: by the name that the image had; one that is not wanted is as one that is not there.
    /// - Throws: `CephError` with `.trashEntryNotFound`, `.namespaceNotFound`, `.poolNotFound`, `.timedOut`,
    ///   `.credentialsRefused`, `.clientBlocklisted`.
    /// - C function: rados_read_op_operate (`trash_get` of `rbd_trash`), rados_aio_read_op_operate (class `rbd`)
    public func trashedImage(
        id: String,
        where isWanted: @escaping @Sendable (_ name: String) -> Bool = { _ in true }
    ) async throws -> TrashedImage {
        let resource = resource(ofImage: "#\(id)")
        return try await withContext(.listTrash, on: resource) { context throws(CephError) in
            var reader = ImageReader(context)
            guard let entry = try reader.trashEntry(id: id, .listTrash), isWanted(entry.name) else {
                try reader.context.requireNamespace()
                throw CephError(.trashEntryNotFound, .listTrash, on: resource)
            }
            let image = try reader.images([ImageReader.Entry(name: entry.name, id: id)]).first
            return TrashedImage(entry: entry, image: image)
        }
    }

    /// Removes an image in the trash, with its data, for ever. One that was begun and stopped is gone on with. Callers have made sure
    /// that its time is over by the cluster's clock: librbd would go by that of this machine.
    /// - Parameters:
    ///   - call: watches and stops it.
    ///   - threads: where the call is made; it takes as long as there is data.
    /// - Throws: `CephError` with `.trashEntryNotFound`, `.imageBusy` (a client has it open), `.imageHasSnapshots`, `.imageInGroup`, `.stopped`, `.poolNotFound`, `.poolFull`, `.timedOut`,
    ///   `.credentialsRefused`, `.clientBlocklisted`.
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
