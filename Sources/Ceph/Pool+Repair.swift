// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

internal import CRados
internal import Glibc

/// Completes an interrupted change, or undoes it. Each method takes the state that was read, and does nothing if that
/// has changed. Callers have proven that the process that made the change is dead: a running change looks the same.
extension Pool {
    /// Frees a name without an image: the remains of a create that was interrupted before the header was written.
    /// - Parameter standing: of the state `.withoutHeader`. Callers have checked that there is no data either, see
    ///   ``remains(ofImageID:call:on:)``.
    /// - Throws: `CephError` with `.imageChanged`.
    /// - C function: rados_write_op_cmpext, rados_write_op_remove, rados_write_op_operate (`dir_remove_image` of
    ///   `rbd_directory`)
    public func freeName(_ standing: ImageStanding) async throws {
        guard let image = standing.image, standing.state == .withoutHeader else { return }
        let resource = resource(ofImage: standing.name.text)
        try await withContext(.repairImage, on: resource) { context throws(CephError) in
            let now = try context.standing(of: standing.name, on: resource)
            guard now.state == .withoutHeader, now.image?.id == image.id else {
                throw CephError(.imageChanged, .repairImage, on: resource)
            }
            try context.freeName(standing.name, of: image.id, on: resource)
        }
    }

    /// Completes a move to the trash: removes the name that the image still has.
    /// - Parameter standing: of the state `.halfTrashed`, or `.beingRemoved`, whose rest is left to a purge.
    /// - Returns: the entry of the trash.
    /// - Throws: `CephError` with `.imageChanged`.
    /// - C function: rados_write_op_cmpext, rados_write_op_remove, rados_write_op_operate (`dir_remove_image` of
    ///   `rbd_directory`, `trash_state_set` of `rbd_trash`)
    public func finishMove(_ standing: ImageStanding) async throws -> TrashEntry? {
        guard let image = standing.image, let entry = image.trash else { return nil }
        let resource = resource(ofImage: standing.name.text)
        return try await withContext(.repairImage, on: resource) { context throws(CephError) in
            let now = try context.standing(of: standing.name, on: resource)
            guard now.image?.id == image.id, now.image?.trash?.stay == entry.stay else {
                throw CephError(.imageChanged, .repairImage, on: resource)
            }
            try context.freeName(standing.name, of: image.id, on: resource)
            return try context.settleInTrash(entry, on: resource)
        }
    }

    /// Sets the final state of a trash entry, which says that the image is nowhere else. A move or a restore was
    /// interrupted before that.
    /// - Throws: `CephError` with `.imageChanged`.
    /// - C function: rados_write_op_operate (`trash_state_set` of `rbd_trash`)
    public func settleInTrash(_ entry: TrashEntry) async throws -> TrashEntry {
        let resource = resource(ofImage: "#\(entry.id)")
        return try await withContext(.repairImage, on: resource) { context throws(CephError) in
            guard try TraceRead(entry.id, in: context).answer(on: resource).directoryName == nil else {
                throw CephError(.imageChanged, .repairImage, on: resource)
            }
            return try context.settleInTrash(entry, on: resource)
        }
    }

    /// Completes a restore: the image gets its name, and its trash entry is removed.
    /// - Parameter standing: of the state `.halfTrashed`.
    /// - Throws: `CephError` with `.imageChanged`.
    /// - C function: rados_write_op_operate (`set_id` of `rbd_id.<name>`, `trash_remove` of `rbd_trash`)
    public func finishRestore(_ standing: ImageStanding) async throws {
        guard let image = standing.image, let entry = image.trash, entry.source != .removing else { return }
        let resource = resource(ofImage: standing.name.text)
        try await withContext(.repairImage, on: resource) { context throws(CephError) in
            let now = try context.standing(of: standing.name, on: resource)
            guard now.state == .halfTrashed, now.image?.id == image.id, now.image?.trash?.stay == entry.stay,
                now.nameObject == nil || now.nameObject?.id == image.id
            else { throw CephError(.imageChanged, .repairImage, on: resource) }
            if now.nameObject == nil { try context.makeNameObject(now, on: resource) }
            let removed = context.removeFromTrash(entry)
            if removed == -ESTALE { throw CephError(.imageChanged, .repairImage, on: resource, errno: ESTALE) }
            if removed != -ENOENT { try check(removed, .repairImage, on: resource) }
        }
    }

    /// Removes `rbd_id.<name>` if it is all that exists of the name. An interrupted rename or restore left it, and
    /// Ceph's own tools would take it for a second name of the image.
    /// - Parameter standing: of the state `.strayNameObject`.
    /// - C function: rados_write_op_cmpext, rados_write_op_remove
    public func removeStrayNameObject(_ standing: ImageStanding) async throws {
        guard standing.state == .strayNameObject, let stray = standing.nameObject else { return }
        let resource = resource(ofImage: standing.name.text)
        try await withContext(.repairImage, on: resource) { context throws(CephError) in
            let now = try context.standing(of: standing.name, on: resource)
            guard now.state == .strayNameObject, now.nameObject?.id == stray.id else { return }
            let removed = context.removeNameObject(standing.name, of: stray.id)
            if removed != -ENOENT && removed != -ESTALE { try check(removed, .repairImage, on: resource) }
        }
    }

    /// Creates `rbd_id.<name>`, so that Ceph's own tools find the image by its name again.
    /// - Parameter standing: of the state `.withoutNameObject`.
    /// - Throws: `CephError` with `.poolFull`.
    /// - C function: rados_write_op_operate (`set_id` of `rbd_id.<name>`)
    public func makeNameObject(_ standing: ImageStanding) async throws {
        guard standing.state == .withoutNameObject else { return }
        let resource = resource(ofImage: standing.name.text)
        try await withContext(.repairImage, on: resource) { context throws(CephError) in
            try context.makeNameObject(standing, on: resource)
        }
    }

    /// Images whose removal has begun and that had this name.
    /// - Returns: their ids.
    /// - C function: rados_read_op_operate (`trash_list` of `rbd_trash`)
    public func interruptedRemovals(ofImage name: String) async throws -> [TrashEntry] {
        try await withContext(.readImage, on: resource(ofImage: name)) { context throws(CephError) in
            try ImageReader(context).trashEntries(.readImage).filter { $0.source == .removing && $0.name == name }
        }
    }

    /// Creates the object map that an interrupted create did not create. Without it, the kernel client can't map the
    /// image.
    /// - Parameter image: as it was just read.
    /// - Returns: whether it was missing.
    /// - Throws: `CephError` with `.poolFull`.
    /// - C function: rados_write_op_operate (`object_map_resize` of `rbd_object_map.<id>`)
    @discardableResult
    public func completeObjectMap(of image: ImageInfo) async throws -> Bool {
        let resource = resource(ofImage: image.name)
        guard image.hasTrustedObjectMap else { return false }
        return try await withContext(.repairImage, on: resource) { context throws(CephError) in
            let write = CompoundWrite()
            write.create()
            write.call("object_map_resize", input: ObjectMap.allNonexistent(count: image.objectCount))
            let result = write.operate(on: ObjectMap.object(id: image.id), in: context)
            // The process that is creating the image still runs, and has just written it.
            if result == -EEXIST { return false }
            try check(result, .repairImage, on: resource)
            return true
        }
    }

    /// The missing parts without which other clients can't find or map the image.
    /// - Parameter image: as it was just read.
    /// - C function: rados_stat (of `rbd_object_map.<id>`), rados_aio_read_op_operate (`get_id` of `rbd_id.<name>`)
    public func missingParts(of image: ImageInfo) async throws -> MissingParts {
        guard !image.id.isEmpty else { return [] }
        let resource = resource(ofImage: image.name)
        return try await withContext(.readImage, on: resource) { context throws(CephError) in
            let name = CompoundRead(calling: "get_id")
            name.submit(to: image.fullName.idObject, in: context)
            var missing: MissingParts = []
            if image.hasTrustedObjectMap {
                let found = rados_stat(context.pointer, ObjectMap.object(id: image.id), nil, nil)
                if found == -ENOENT { missing.insert(.objectMap) } else { try check(found, .readImage, on: resource) }
            }
            if try !name.isFound(.readImage, on: resource) { missing.insert(.nameObject) }
            return missing
        }
    }
}

/// Parts that an image can lack although this module can read all of it.
public struct MissingParts: OptionSet, Hashable, Sendable {
    public let rawValue: UInt8

    public init(rawValue: UInt8) {
        self.rawValue = rawValue
    }

    /// The image has the feature but no object map, and no client has noticed: nothing was written to the image yet.
    public static let objectMap = MissingParts(rawValue: 1 << 0)
    /// Ceph's own tools find images by `rbd_id.<name>`.
    public static let nameObject = MissingParts(rawValue: 1 << 1)
}

extension ImageInfo {
    /// A client that opens the image for writing without finding a map flags it. The image may then hold data, and only
    /// `rbd object-map rebuild` can find out where.
    fileprivate var hasTrustedObjectMap: Bool { features.contains(.objectMap) && flags.isEmpty && !id.isEmpty }
}

extension IOContext {
    /// Removes the name from this image only.
    fileprivate func freeName(
        _ name: RawName,
        of id: String,
        on resource: CephError.Resource
    ) throws(CephError) {
        let unnamed = removeNameObject(name, of: id)
        if unnamed != -ENOENT && unnamed != -ESTALE { try check(unnamed, .repairImage, on: resource) }
        let removed = removeFromDirectory(name, id)
        if removed != -ENOENT && removed != -ESTALE { try check(removed, .repairImage, on: resource) }
    }

    fileprivate func settleInTrash(
        _ entry: TrashEntry,
        on resource: CephError.Resource
    ) throws(CephError) -> TrashEntry {
        var settled = entry
        guard let state = entry.state, state == .moving || state == .restoring else { return entry }
        let result = setTrashState(of: entry.id, to: .normal, from: state)
        if result == -ENOENT || result == -ESTALE {
            throw CephError(.imageChanged, .repairImage, on: resource, errno: -result)
        }
        try check(result, .repairImage, on: resource)
        settled.state = .normal
        return settled
    }

    fileprivate func makeNameObject(
        _ standing: ImageStanding,
        on resource: CephError.Resource
    ) throws(CephError) {
        guard let image = standing.image else { return }
        let made = makeNameObject(standing.name, of: image.id)
        // Another client was faster, or has taken the name.
        if made != -EEXIST { try check(made, .repairImage, on: resource) }
    }
}
