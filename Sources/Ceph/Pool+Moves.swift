// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

internal import CRBD
internal import Glibc
import Naming

/// Moves an image to the trash and back, and renames it: step by step, in librbd's order, with a guard on each step.
/// librbd's own steps remove a name without checking which image has it by then. A process that is killed in between
/// leaves the same state as librbd.
extension Pool {
    /// Moves an image to the trash. Its data stays, and its name is free. It does not check for clients that have the
    /// image open, and takes it away from them. So callers must check the use of the image first.
    /// - Parameter entry: the trash entry to write, with times of the cluster's clock.
    /// - Returns: the entry as it is now.
    /// - Throws: `CephError` with `.imageChanged` (the image has just lost the name, or come to the trash),
    ///   `.imageBusy` (it is being migrated), `.imageReadOnly` (it is mirrored from another cluster), `.poolFull`.
    /// - C function: rados_write_op_operate (`trash_add`, `trash_state_set` of `rbd_trash`, `dir_remove_image` of
    ///   `rbd_directory`), rados_write_op_remove (of `rbd_id.<name>`); rbd_trash_move for images that are mirrored or
    ///   have a journal
    public func moveToTrash(_ entry: TrashEntry) async throws -> TrashEntry {
        let resource = resource(ofImage: entry.name)
        return try await withContext(.moveToTrash, on: resource) { context throws(CephError) in
            var entry = entry
            entry.state = .moving
            let move = TrashMove(entry: entry, name: entry.rawName, resource: resource)
            return try context.isReplicated(entry.id, on: resource)
                ? move.byLibrbd(in: context) : move.perform(in: context)
        }
    }

    /// Moves an image out of the trash.
    /// - Parameter entry: as it was read. Another stay of the image in the trash is not changed.
    /// - Throws: `CephError` with `.trashEntryNotFound`, `.imageExists`, `.imageBusy` (its removal has begun),
    ///   `.imageChanged` (another client has just restored it), `.poolFull`.
    /// - C function: rados_write_op_operate (`trash_state_set`, `trash_remove` of `rbd_trash`, `set_id` of
    ///   `rbd_id.<name>`, `dir_add_image` of `rbd_directory`); rbd_trash_restore for images that are mirrored or have a
    ///   journal
    public func restoreImage(_ entry: TrashEntry, as name: RawName) async throws -> ImageInfo {
        let resource = resource(ofImage: name.text)
        return try await withContext(.restoreImage, on: resource) { context throws(CephError) in
            try TrashRestore(entry: entry, name: name, resource: resource).perform(in: context)
            var reader = ImageReader(context)
            return try reader.image(named: name)
        }
    }

    /// Keeps an image in the trash for longer.
    /// - Parameter until: by the cluster's clock.
    /// - Returns: the entry as it is now.
    /// - Throws: `CephError` with `.imageChanged` (the trash no longer has this stay of it).
    /// - C function: rados_write_op_omap_cmp2, rados_write_op_omap_set2
    public func deferRemoval(of entry: TrashEntry, until: ClusterTime) async throws -> TrashEntry {
        let resource = resource(ofImage: entry.name)
        return try await withContext(.moveToTrash, on: resource) { context throws(CephError) in
            var deferred = entry
            deferred.deferredUntil = until
            let result = context.replaceInTrash(entry, with: deferred)
            if result == -ENOENT || result == -ESTALE {
                throw CephError(.imageChanged, .moveToTrash, on: resource, errno: -result)
            }
            try check(result, .moveToTrash, on: resource)
            return deferred
        }
    }

    /// Renames an image within its pool and namespace.
    /// - Throws: `CephError` with `.imageExists`, `.imageChanged` (it no longer has the name), `.poolFull`.
    /// - C function: rados_write_op_operate (`set_id` of `rbd_id.<name>`, `dir_rename_image` of `rbd_directory`),
    ///   rados_write_op_remove; rbd_rename for images that are mirrored or have a journal
    public func renameImage(
        _ name: RawName,
        id: String,
        to newName: RawName,
        on threads: BlockingPool? = nil
    ) async throws {
        let target = resource(ofImage: newName.text)
        try await withContext(.changeImage, on: target, through: threads) { context throws(CephError) in
            try context.rename(name, id: id, to: newName)
        }
    }
}

extension IOContext {
    /// Whether more belongs to an image than its own objects. librbd must handle an image with a journal or a mirror.
    func isReplicated(_ id: String, on resource: CephError.Resource) throws(CephError) -> Bool {
        let isReadOnly: UInt8 = 1
        let input = ImageHeader.noSnapshot + WireWriter.integer(isReadOnly)
        let header = CompoundRead(calling: "get_features", input: input)
        header.submit(to: ImageHeader.object(id: id), in: self)
        let mirror = CompoundRead(calling: "mirror_image_get", input: WireWriter.string(id))
        mirror.operate(on: "rbd_mirroring", in: self)
        let isMirrored = try mirror.isFound(.readImage, on: resource)
        // An image without a header has no journal either.
        guard try header.isFound(.readImage, on: resource) else { return isMirrored }
        var reader = header.output
        let features = ImageFeatures(rawValue: reader?.integer(UInt64.self) ?? 0)
        return isMirrored || features.contains(.journaling)
    }

    /// Renames an image, in librbd's order.
    func rename(_ name: RawName, id: String, to newName: RawName) throws(CephError) {
        let source = CephError.Resource.image(place.image(name.text))
        let target = CephError.Resource.image(place.image(newName.text))
        if try isReplicated(id, on: source) {
            let result = name.withCString { from in newName.withCString { rbd_rename(pointer, from, $0) } }
            try check(result, .changeImage, on: result == -EEXIST ? target : source)
            return
        }
        var made = makeNameObject(newName, of: id)
        // An interrupted rename may have come this far.
        if made == -EEXIST, try nameObject(of: newName, on: target) == id { made = 0 }
        try check(made, .changeImage, on: target)
        let renamed = renameInDirectory(name, to: newName, id)
        guard renamed >= 0 else {
            // A step that timed out may still be carried out.
            if renamed != -ETIMEDOUT { _ = removeNameObject(newName, of: id) }
            if renamed == -ENOENT || renamed == -ESTALE {
                throw CephError(.imageChanged, .changeImage, on: source, errno: -renamed)
            }
            throw CephError(errno: -renamed, .changeImage, on: renamed == -EEXIST ? target : source)
        }
        let removed = removeNameObject(name, of: id)
        // Another image has the name by now: it must not be removed.
        if removed != -ENOENT && removed != -ESTALE { try check(removed, .changeImage, on: source) }
    }

    /// The id that `rbd_id.<name>` holds.
    func nameObject(of name: RawName, on resource: CephError.Resource) throws(CephError) -> String? {
        try NameRead(name, in: self).answer(on: resource).objectID
    }
}
