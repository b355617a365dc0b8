// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

internal import CRados
internal import Glibc

/// The steps by which an image gets a name, loses it, goes to the trash and comes back: one operation on one object each, in the
/// words of RBD's own class. Each looks, in that same operation, whether the object is still what it is taken for. A step that
/// comes too late, because its process was stopped or its OSD was slow, so fails instead of hitting what is there by then.
///
/// All of them answer with 0 or -errno.
extension IOContext {
    // MARK: rbd_id.<name>

    /// Gives a name to an id.
    /// - Returns: -EEXIST where the name has one.
    /// - C function: rados_write_op_create, rados_write_op_operate (`set_id` of `rbd_id.<name>`)
    func makeNameObject(_ name: RawName, of id: String) -> CInt {
        let write = CompoundWrite()
        write.create()
        write.call("set_id", input: WireWriter.string(id))
        return write.operate(on: name.idObject, in: self)
    }

    /// Takes the name from this id, and from no other.
    /// - Returns: -ENOENT where there is no such object, -ESTALE where it is of another id.
    /// - C function: rados_write_op_cmpext, rados_write_op_remove
    func removeNameObject(_ name: RawName, of id: String) -> CInt {
        let write = CompoundWrite()
        write.requireData(WireWriter.string(id))
        write.remove()
        let result = write.operate(on: name.idObject, in: self)
        return CompoundWrite.foundDifference(result) ? -ESTALE : result
    }

    // MARK: rbd_directory

    /// - Returns: -EEXIST where the name is taken, -EBADF where the id has a name already.
    /// - C function: rados_write_op_operate (`dir_add_image` of `rbd_directory`)
    func addToDirectory(_ name: RawName, _ id: String) -> CInt {
        let write = CompoundWrite()
        write.call("dir_add_image", input: name.wire + WireWriter.string(id))
        return write.operate(on: "rbd_directory", in: self)
    }

    /// - Returns: -ENOENT where the directory does not have the name, -ESTALE where name and id do not belong together.
    /// - C function: rados_write_op_operate (`dir_remove_image` of `rbd_directory`)
    func removeFromDirectory(_ name: RawName, _ id: String) -> CInt {
        let write = CompoundWrite()
        write.call("dir_remove_image", input: name.wire + WireWriter.string(id))
        return write.operate(on: "rbd_directory", in: self)
    }

    /// - Returns: -ENOENT or -ESTALE where the image does not have the name, -EEXIST where the new one is taken.
    /// - C function: rados_write_op_operate (`dir_rename_image` of `rbd_directory`)
    func renameInDirectory(_ name: RawName, to newName: RawName, _ id: String) -> CInt {
        let write = CompoundWrite()
        write.call("dir_rename_image", input: name.wire + newName.wire + WireWriter.string(id))
        return write.operate(on: "rbd_directory", in: self)
    }

    // MARK: rbd_trash

    /// - Returns: -EEXIST where the trash has the image already.
    /// - C function: rados_write_op_operate (`trash_add` of `rbd_trash`)
    func addToTrash(_ entry: TrashEntry) -> CInt {
        let write = CompoundWrite()
        write.call("trash_add", input: WireWriter.string(entry.id) + entry.wire)
        return write.operate(on: "rbd_trash", in: self)
    }

    /// - Returns: -ENOENT where the trash does not have the image, -ESTALE where the entry is in neither of the two states.
    /// - C function: rados_write_op_operate (`trash_state_set` of `rbd_trash`)
    func setTrashState(of id: String, to state: TrashEntry.State, from expected: TrashEntry.State) -> CInt {
        let write = CompoundWrite()
        write.call(
            "trash_state_set",
            input: WireWriter.string(id) + WireWriter.integer(state.rawValue) + WireWriter.integer(expected.rawValue)
        )
        return write.operate(on: "rbd_trash", in: self)
    }

    /// Removes an entry of the trash where it still is the stay that was seen. The image itself is not touched.
    /// - Parameter entry: as it was read; it may have come to another state since.
    /// - Returns: -ENOENT where the trash does not have the image, -ESTALE where it is another stay.
    /// - C function: rados_read_op_operate (`trash_get` of `rbd_trash`), rados_write_op_omap_cmp2, rados_write_op_operate
    ///   (`trash_remove`)
    func removeFromTrash(_ entry: TrashEntry) -> CInt {
        changeInTrash(entry) { write, _ in write.call("trash_remove", input: WireWriter.string(entry.id)) }
    }

    /// Writes an entry of the trash anew, where it still is the stay that was seen.
    /// - Returns: -ENOENT where the trash does not have the image, -ESTALE where it is another stay.
    /// - C function: rados_read_op_operate (`trash_get` of `rbd_trash`), rados_write_op_omap_cmp2, rados_write_op_omap_set2
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
        let read = CompoundRead(capacity: 1)
        let answer = read.call("trash_get", input: WireWriter.string(entry.id))
        let result = read.operate(on: "rbd_trash", in: self)
        guard result >= 0 else { return result }
        guard let bytes = read.bytes(answer), let now = read.output(answer).flatMap({ TrashEntry(id: entry.id, $0) }),
            now.stay == entry.stay
        else { return -ESTALE }
        let write = CompoundWrite()
        write.requireValue("id_\(entry.id)", bytes)
        change(write, now)
        let changed = write.operate(on: "rbd_trash", in: self)
        return changed == -ECANCELED ? -ESTALE : changed
    }
}
