// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

internal import CRBD
internal import Glibc

/// An image in the trash, and what its header says.
public struct TrashedImage: Hashable, Sendable {
    public var entry: TrashEntry
    /// Nil where the header is gone: its removal has almost come to its end.
    public var image: ImageInfo?
}

extension Pool {
    /// Moves an image into the trash. Its data stays, its name is free. It asks nobody: librbd takes it away from under
    /// clients that have it open, so callers look who uses it first.
    /// - Parameter delay: for how long it is kept from being removed.
    /// - Throws: `CephError` with `.imageNotFound`, `.namespaceNotFound`, `.imageBusy` (it is being migrated),
    ///   `.poolNotFound`, `.poolFull`, `.timedOut`, `.credentialsRefused`, `.clientBlocklisted`.
    /// - C function: rbd_trash_move, rados_read_op_operate (`trash_get` of `rbd_trash`)
    public func moveToTrash(imageNamed name: String, id: String, delay: Duration) async throws -> TrashEntry {
        let resource = resource(ofImage: name)
        return try await withContext(.moveToTrash, on: resource) { context throws(CephError) in
            let result = rbd_trash_move(context.pointer, name, UInt64(max(0, delay.components.seconds)))
            if result == -ENOENT { try context.requireNamespace() }
            try check(result, .moveToTrash, on: resource)
            let entry = try ImageReader(context).trashEntry(id: id, .moveToTrash)
            guard let entry else {
                throw CephError(.other, .moveToTrash, on: resource, detail: "it was moved, but is not in the trash")
            }
            return entry
        }
    }

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

    /// Takes an image out of the trash.
    /// - Throws: `CephError` with `.trashEntryNotFound`, `.imageExists`, `.imageBusy` (its removal has begun),
    ///   `.poolNotFound`, `.poolFull`, `.timedOut`, `.credentialsRefused`, `.clientBlocklisted`.
    /// - C function: rbd_trash_restore
    public func restoreImage(id: String, as name: String) async throws -> ImageInfo {
        let resource = resource(ofImage: name)
        return try await withContext(.restoreImage, on: resource) { context throws(CephError) in
            let result = rbd_trash_restore(context.pointer, id, name)
            if result == -ENOENT { try context.requireNamespace() }
            try check(result, .restoreImage, on: resource)
            var reader = ImageReader(context)
            return try reader.image(named: name)
        }
    }

    /// Removes an image in the trash, with its data. One that was begun and stopped is gone on with.
    /// - Parameters:
    ///   - force: whether before its deferment is over, too.
    ///   - call: watches and stops it.
    ///   - threads: where the call is made; it takes as long as there is data.
    /// - Throws: `CephError` with `.trashEntryNotFound`, `.trashDeferred`, `.imageBusy` (a client has it open),
    ///   `.imageHasSnapshots`, `.imageInGroup`, `.stopped`, `.poolNotFound`, `.poolFull`, `.timedOut`,
    ///   `.credentialsRefused`, `.clientBlocklisted`.
    /// - C function: rbd_trash_remove_with_progress
    public func purgeImage(id: String, force: Bool, call: LongCall, on threads: BlockingPool) async throws {
        let resource = resource(ofImage: "#\(id)")
        try await withContext(.purgeImage, on: resource, through: threads) { context throws(CephError) in
            try call.begin(.purgeImage, on: resource)
            let result = rbd_trash_remove_with_progress(context.pointer, id, force, LongCall.callback, call.context)
            if result == -ENOENT { try context.requireNamespace() }
            try check(result, .purgeImage, on: resource)
        }
    }

    /// Who and what uses an image, by its id: also of one in the trash.
    /// - Throws: `CephError` with `.imageNotFound`, `.poolNotFound`, `.timedOut`, `.credentialsRefused`,
    ///   `.clientBlocklisted`.
    /// - C function: rbd_open_by_id_read_only, rbd_watchers_list, rbd_list_lockers, rbd_snap_list, rbd_get_group,
    ///   rbd_get_features
    public func use(ofImageID id: String) async throws -> ImageUse {
        try await withContext(.readImage, on: resource(ofImage: "#\(id)")) { context throws(CephError) in
            try OpenImage(id: id, in: context).use(in: context)
        }
    }
}
