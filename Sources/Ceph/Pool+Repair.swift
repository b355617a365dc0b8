// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

internal import CRados
internal import Glibc

/// Finishes what somebody has left half-made, or takes it back. Each of these is given what was seen, and does nothing where that is
/// not so any more. Callers have proven that whoever was at it is gone: one in the middle of it looks the same.
extension Pool {
    /// Frees a name that has no image behind it: what a create leaves that was interrupted before the header.
    /// - Parameter standing: of the state `.withoutHeader`; callers have looked that there is no data either, see
    ///   ``remains(ofImageID:call:on:)``.
    /// - Throws: `CephError` with `.imageChanged`, `.poolNotFound`, `.timedOut`, `.credentialsRefused`, `.clientBlocklisted`.
    /// - C function: rados_write_op_cmpext, rados_write_op_remove, rados_write_op_operate (`dir_remove_image` of `rbd_directory`)
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

    /// Ends a move to the trash: the image loses the name that it still has.
    /// - Parameter standing: of the state `.halfTrashed`, or `.beingRemoved`, whose rest is left to a purge.
    /// - Returns: the entry of the trash.
    /// - Throws: `CephError` with `.imageChanged`, `.poolNotFound`, `.timedOut`, `.credentialsRefused`, `.clientBlocklisted`.
    /// - C function: rados_write_op_cmpext, rados_write_op_remove, rados_write_op_operate (`dir_remove_image` of `rbd_directory`,
    ///   `trash_state_set` of `rbd_trash`)
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

    /// Says of an image in the trash that it is nowhere else: a move, or a restore, was interrupted before it could.
    /// - Throws: `CephError` with `.imageChanged`, `.poolNotFound`, `.timedOut`, `.credentialsRefused`, `.clientBlocklisted`.
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

    /// Ends a restore: the image has its name, and leaves the trash.
    /// - Parameter standing: of the state `.halfTrashed`.
    /// - Throws: `CephError` with `.imageChanged`, `.poolNotFound`, `.timedOut`, `.credentialsRefused`, `.clientBlocklisted`.
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

    /// Removes `rbd_id.<name>` where it is all that there is of the name: an interrupted rename or restore left it, and Ceph's own tools
    /// would take it for a second name of the image.
    /// - Parameter standing: of the state `.strayNameObject`.
    /// - Throws: `CephError` with `.poolNotFound`, `.timedOut`, `.credentialsRefused`, `.clientBlocklisted`.
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

    /// Makes `rbd_id.<name>`, so that Ceph's own tools find the image by its name again.
    /// - Parameter standing: of the state `.withoutNameObject`.
    /// - Throws: `CephError` with `.poolNotFound`, `.poolFull`, `.timedOut`, `.credentialsRefused`, `.clientBlocklisted`.
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
    /// - Throws: `CephError` with `.poolNotFound`, `.timedOut`, `.credentialsRefused`, `.clientBlocklisted`.
    /// - C function: rados_read_op_operate (`trash_list` of `rbd_trash`)
    public func interruptedRemovals(ofImage name: String) async throws -> [TrashEntry] {
        try await withContext(.readImage, on: resource(ofImage: name)) { context throws(CephError) in
            try ImageReader(context).trashEntries(.readImage).filter { $0.source == .removing && $0.name == name }
        }
    }

    /// Makes the object map that an interrupted create did not come to. Without it the kernel client can't map the image.
    /// - Parameter image: as it was read a moment ago.
    /// - Returns: whether it was missing.
    /// - Throws: `CephError` with `.poolNotFound`, `.poolFull`, `.timedOut`, `.credentialsRefused`, `.clientBlocklisted`.
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
            // Whoever was making the image lives, and has just come to it.
            if result == -EEXIST { return false }
            try check(result, .repairImage, on: resource)
            return true
        }
    }

    /// Which of an image's parts are missing without which others can't find it, or can't map it.
    /// - Parameter image: as it was read a moment ago.
    /// - Throws: `CephError` with `.poolNotFound`, `.timedOut`, `.credentialsRefused`, `.clientBlocklisted`.
    /// - C function: rados_stat (of `rbd_object_map.<id>`), rados_aio_read_op_operate (`get_id` of `rbd_id.<name>`)
    public func missingParts(of image: ImageInfo) async throws -> MissingParts {
        guard !image.id.isEmpty else { return [] }
        let resource = resource(ofImage: image.name)
        return try await withContext(.readImage, on: resource) { context throws(CephError) in
            let name = CompoundRead(capacity: 1)
            name.call("get_id")
            try check(name.submit(to: image.fullName.idObject, in: context), .readImage, on: resource)
            var missing: MissingParts = []
            if image.hasTrustedObjectMap {
                let found = rados_stat(context.pointer, ObjectMap.object(id: image.id), nil, nil)
                if found == -ENOENT { missing.insert(.objectMap) } else { try check(found, .readImage, on: resource) }
            }
            let found = name.wait()
            if found == -ENOENT { missing.insert(.nameObject) } else { try check(found, .readImage, on: resource) }
            return missing
        }
    }
}

/// Parts that an image can lack and be all there for us.
public struct MissingParts: OptionSet, Hashable, Sendable {
    public let rawValue: UInt8

    public init(rawValue: UInt8) {
        self.rawValue = rawValue
    }

    /// It is to have an object map and has none, and nobody has noticed: then nothing was written to it yet.
    public static let objectMap = MissingParts(rawValue: 1 << 0)
    /// Ceph's own tools find images by `rbd_id.<name>`.
    public static let nameObject = MissingParts(rawValue: 1 << 1)
}

extension ImageInfo {
    /// Whoever opened the image to write without finding a map has flagged it: then it may hold data, and only
    /// `rbd object-map rebuild` knows where.
    fileprivate var hasTrustedObjectMap: Bool { features.contains(.objectMap) && flags.isEmpty && !id.isEmpty }
}

extension IOContext {
    /// Takes the name from the image, and from no other.
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
        // Somebody was faster, or has taken the name.
        if made != -EEXIST { try check(made, .repairImage, on: resource) }
    }
}
