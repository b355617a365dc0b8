// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

internal import CRBD
internal import Glibc

/// Moves an image to the trash: adds a trash entry that says that the move has begun, removes `rbd_id.<name>` and the
/// directory's entry, and sets the final state of the trash entry.
struct TrashMove {
    let entry: TrashEntry
    let name: RawName
    let resource: CephError.Resource

    func perform(in context: borrowing IOContext) throws(CephError) -> TrashEntry {
        let added = context.addToTrash(entry)
        if added == -EEXIST { throw changed(added) }
        try check(added, .moveToTrash, on: resource)
        let unnamed = context.removeNameObject(name, of: entry.id)
        guard unnamed >= 0 || unnamed == -ENOENT || unnamed == -ESTALE else {
            takeBack(unnamed, hadNameObject: false, in: context)
            throw CephError(errno: -unnamed, .moveToTrash, on: resource)
        }
        let removed = context.removeFromDirectory(name, entry.id)
        guard removed >= 0 else {
            takeBack(removed, hadNameObject: unnamed >= 0, in: context)
            // Another program that ignores the service's claims has renamed it.
            if removed == -ENOENT || removed == -ESTALE { throw changed(removed) }
            throw CephError(errno: -removed, .moveToTrash, on: resource)
        }
        return try settle(in: context)
    }

    /// Sets the final state of the entry: the image is in the trash, and nowhere else.
    private func settle(in context: borrowing IOContext) throws(CephError) -> TrashEntry {
        let settled = context.setTrashState(of: entry.id, to: .normal, from: .moving)
        if settled == -ENOENT || settled == -ESTALE { throw changed(settled) }
        try check(settled, .moveToTrash, on: resource)
        var entry = entry
        entry.state = .normal
        return entry
    }

    /// Undoes the steps as far as possible. Anything that remains is found and repaired like the remains of an
    /// interrupted move. If a step timed out, it may still be carried out, so nothing is undone.
    private func takeBack(_ result: CInt, hadNameObject: Bool, in context: borrowing IOContext) {
        guard result != -ETIMEDOUT else { return }
        if hadNameObject {
            let made = context.makeNameObject(name, of: entry.id)
            guard made >= 0 || made == -EEXIST else { return }
        }
        _ = context.removeFromTrash(entry)
    }

    private func changed(_ result: CInt) -> CephError {
        CephError(.imageChanged, .moveToTrash, on: resource, errno: -result)
    }

    /// librbd writes times of this machine's clock.
    func byLibrbd(in context: borrowing IOContext) throws(CephError) -> TrashEntry {
        let delay = UInt64(max(0, Int64(entry.deferredUntil.seconds) - Int64(entry.deletedAt.seconds)))
        let result = name.withCString { rbd_trash_move(context.pointer, $0, delay) }
        if result == -ENOENT { try context.requireNamespace() }
        // librbd gives no better error for a copy of another cluster's image.
        if result == -EINVAL {
            try OpenImage(id: entry.id, in: context, resource: resource).requireNoCopy(.moveToTrash)
        }
        try check(result, .moveToTrash, on: resource)
        let read = try TrashRead(id: entry.id, in: context).entry(.moveToTrash, on: resource)
        guard let written = read else { throw changed(-ENOENT) }
        var moved = entry
        moved.state = .normal
        let corrected = context.replaceInTrash(written, with: moved)
        if corrected == -ENOENT || corrected == -ESTALE { throw changed(corrected) }
        try check(corrected, .moveToTrash, on: resource)
        return moved
    }
}

/// Moves an image out of the trash: sets the state of the entry, adds the two objects of the name, and removes the
/// entry.
struct TrashRestore {
    let entry: TrashEntry
    let name: RawName
    let resource: CephError.Resource

    func perform(in context: borrowing IOContext) throws(CephError) {
        guard !entry.isBeingRemoved else { throw CephError(.imageBusy, .restoreImage, on: resource) }
        if try context.isReplicated(entry.id, on: resource) {
            let result = name.withCString { rbd_trash_restore(context.pointer, entry.id, $0) }
            if result == -ENOENT { try context.requireNamespace() }
            try check(result, .restoreImage, on: resource)
            return
        }
        let begun = context.setTrashState(of: entry.id, to: .restoring, from: entry.state ?? .normal)
        if begun == -ENOENT { try context.requireNamespace() }
        if begun == -ESTALE { throw changed(begun) }
        try check(begun, .restoreImage, on: resource)
        let named = try takeName(in: context)
        let added = context.addToDirectory(name, entry.id)
        let isThere = try added >= 0 ? true : isInDirectory(added, in: context)
        guard isThere else {
            takeBack(added, named, in: context)
            // The image has another name: another client has restored it.
            if added == -EBADF { throw changed(added) }
            throw CephError(errno: -added, .restoreImage, on: resource)
        }
        let removed = context.removeFromTrash(entry)
        if removed == -ESTALE { throw changed(removed) }
        if removed != -ENOENT { try check(removed, .restoreImage, on: resource) }
    }

    /// - Returns: whether this call created the name's object.
    private func takeName(in context: borrowing IOContext) throws(CephError) -> Bool {
        let made = context.makeNameObject(name, of: entry.id)
        // An interrupted restore may have come this far.
        if made == -EEXIST, try context.nameObject(of: name, on: resource) == entry.id { return false }
        guard made >= 0 else {
            takeBack(made, false, in: context)
            throw CephError(errno: -made, .restoreImage, on: resource)
        }
        return true
    }

    private func isInDirectory(_ result: CInt, in context: borrowing IOContext) throws(CephError) -> Bool {
        guard result == -EEXIST || result == -EBADF else { return false }
        return try NameRead(name, in: context).answer(on: resource).directoryID == entry.id
    }

    private func takeBack(_ result: CInt, _ named: Bool, in context: borrowing IOContext) {
        guard result != -ETIMEDOUT else { return }
        if named { _ = context.removeNameObject(name, of: entry.id) }
        _ = context.setTrashState(of: entry.id, to: entry.state ?? .normal, from: .restoring)
    }

    private func changed(_ result: CInt) -> CephError {
        CephError(.imageChanged, .restoreImage, on: resource, errno: -result)
    }
}
