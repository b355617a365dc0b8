// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

internal import CRados
internal import Glibc

/// The steps by which an image gets a name, loses it, goes to the trash and comes back. Each is one operation on one
/// object, with methods of RBD's own object class. In the same operation, each step checks that the object is still in
/// the expected state. So a step that comes too late, because its process was stopped or its OSD was slow, fails
/// instead of changing something newer.
///
/// All steps return 0 or -errno.
extension IOContext {
    /// Calls a method of the object class `rbd` that changes an object.
    func call(_ method: String, of object: String, input: [UInt8]) -> CInt {
        let write = CompoundWrite()
        write.call(method, input: input)
        return write.operate(on: object, in: self)
    }

    // MARK: rbd_id.<name>

    /// Creates `rbd_id.<name>` with an id.
    /// - Returns: -EEXIST if the name has an id already.
    /// - C function: rados_write_op_create, rados_write_op_operate (`set_id` of `rbd_id.<name>`)
    func makeNameObject(_ name: RawName, of id: String) -> CInt {
        let write = CompoundWrite()
        write.create()
        write.call("set_id", input: WireWriter.string(id))
        return write.operate(on: name.idObject, in: self)
    }

    /// Removes the name from this id only.
    /// - Returns: -ENOENT if the object does not exist, -ESTALE if it has another id.
    /// - C function: rados_write_op_cmpext, rados_write_op_remove
    func removeNameObject(_ name: RawName, of id: String) -> CInt {
        let write = CompoundWrite()
        write.requireData(WireWriter.string(id))
        write.remove()
        let result = write.operate(on: name.idObject, in: self)
        return CompoundWrite.foundDifference(result) ? -ESTALE : result
    }

    // MARK: rbd_directory

    /// - Returns: -EEXIST if the name is taken, -EBADF if the id has a name already.
    func addToDirectory(_ name: RawName, _ id: String) -> CInt {
        call("dir_add_image", of: "rbd_directory", input: name.wire + WireWriter.string(id))
    }

    /// - Returns: -ENOENT if the directory does not have the name, -ESTALE if the name has another id.
    func removeFromDirectory(_ name: RawName, _ id: String) -> CInt {
        call("dir_remove_image", of: "rbd_directory", input: name.wire + WireWriter.string(id))
    }

    /// - Returns: -ENOENT or -ESTALE if the image does not have the name, -EEXIST if the new name is taken.
    func renameInDirectory(_ name: RawName, to newName: RawName, _ id: String) -> CInt {
        call("dir_rename_image", of: "rbd_directory", input: name.wire + newName.wire + WireWriter.string(id))
    }

    // MARK: rbd_trash

    /// - Returns: -EEXIST if the image is already in the trash.
    func addToTrash(_ entry: TrashEntry) -> CInt {
        call("trash_add", of: "rbd_trash", input: WireWriter.string(entry.id) + entry.wire)
    }

    /// - Returns: -ENOENT if the image is not in the trash, -ESTALE if the entry is in neither of the two states.
    func setTrashState(of id: String, to state: TrashEntry.State, from expected: TrashEntry.State) -> CInt {
        let states = WireWriter.integer(state.rawValue) + WireWriter.integer(expected.rawValue)
        return call("trash_state_set", of: "rbd_trash", input: WireWriter.string(id) + states)
    }

    /// Removes an entry of the trash if it still belongs to the same stay in the trash. The image itself is not
    /// changed.
    /// - Parameter entry: the entry as it was read. Its state may have changed since.
    /// - Returns: -ENOENT if the image is not in the trash, -ESTALE if it is another stay.
    /// - C function: rados_read_op_operate (`trash_get` of `rbd_trash`), rados_write_op_omap_cmp2,
    ///   rados_write_op_operate (`trash_remove`)
    func removeFromTrash(_ entry: TrashEntry) -> CInt {
        changeInTrash(entry) { write, _ in write.call("trash_remove", input: WireWriter.string(entry.id)) }
    }

    /// Rewrites an entry of the trash if it still belongs to the same stay in the trash.
    /// - Returns: -ENOENT if the image is not in the trash, -ESTALE if it is another stay.
    /// - C function: rados_read_op_operate (`trash_get` of `rbd_trash`), rados_write_op_omap_cmp2,
    ///   rados_write_op_omap_set2
    func replaceInTrash(_ entry: TrashEntry, with new: TrashEntry) -> CInt {
        changeInTrash(entry) { write, now in
            var new = new
            new.state = now.state
            write.setValue("id_\(entry.id)", new.wire)
        }
    }

    private func changeInTrash(
        _ entry: TrashEntry,
        _ change: (borrowing CompoundWrite, _ now: TrashEntry) -> Void
    ) -> CInt {
        let read = CompoundRead(calling: "trash_get", input: WireWriter.string(entry.id))
        let result = read.operate(on: "rbd_trash", in: self)
        guard result >= 0 else { return result }
        guard let bytes = read.bytes, let now = TrashEntry(id: entry.id, WireReader(bytes)), now.stay == entry.stay
        else { return -ESTALE }
        let write = CompoundWrite()
        write.requireValue("id_\(entry.id)", Array(bytes))
        change(write, now)
        let changed = write.operate(on: "rbd_trash", in: self)
        return changed == -ECANCELED ? -ESTALE : changed
    }
}
