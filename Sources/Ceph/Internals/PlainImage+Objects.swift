// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

internal import CRados
internal import Glibc
import Naming

extension PlainImage {
    /// Creates the image.
    /// - Returns: its id; nil if there is an unusual condition, so that librbd must create the image. Nothing was done
    ///   then.
    /// - Throws: `CephError` with `.imageExists`, `.namespaceNotFound`, `.poolFull`.
    /// - C function: rados_aio_read_op_operate, rados_read_op_operate, rados_write_op_operate
    func make(in context: borrowing IOContext) throws(CephError) -> String? {
        let resource = CephError.Resource.image(context.place.image(name))
        guard try RBDInfoRead(of: context).isPlain(resource) else { return nil }
        // Another image may have the same random id, once in many millions.
        for _ in 0..<3 {
            let id = Self.drawID(for: context.rados)
            let added = takeName(id, in: context)
            if CompoundWrite.foundDifference(added) { return nil }
            if added == -ENOENT { try context.requireNamespace() }
            try check(added, .createImage, on: resource)
            if try writeObjects(id, resource, in: context) { return id }
        }
        throw CephError(.other, .createImage, on: resource, errno: EEXIST, detail: "no id was free for it")
    }

    /// Like librbd: the number that the cluster gave this client, and random digits, up to `RBD_MAX_IMAGE_ID_LENGTH`.
    /// All digits are used, which makes duplicates rarer.
    private static func drawID(for rados: RadosHandle) -> String {
        let length = 14
        let random = String(UInt64.random(in: (1 << 60)...UInt64.max), radix: 16)
        return String((String(rados_get_instance_id(rados.pointer), radix: 16) + random).prefix(length))
    }

    /// Adds name and id to the pool's directory.
    /// - Returns: 0, or -errno: -EEXIST if the name is taken, -ENOENT if the namespace is missing; a number that
    ///   ``CompoundWrite/foundDifference(_:)`` recognises if the directory has images of format 1.
    private func takeName(_ id: String, in context: borrowing IOContext) -> CInt {
        let write = CompoundWrite()
        // Images of format 1 are in the directory's data, after four bytes of a header and four bytes of their count.
        // librbd looks for an image with the name instead: one more operation for each create, for images that hardly
        // any pool has.
        write.requireZeros(count: 4, at: 4)
        if !context.namespace.isEmpty {
            let isReady: UInt8 = 0
            write.call("dir_state_assert", input: WireWriter.integer(isReady))
        }
        write.call("dir_add_image", input: WireWriter.string(name) + WireWriter.string(id))
        return write.operate(on: "rbd_directory", in: context)
    }

    /// Creates the objects of an image whose name is taken, one after another. If one fails, all of them and the name
    /// are removed.
    /// - Returns: whether it was done; false if there is an image with this id.
    /// - C function: rados_write_op_operate (`set_id`, `create`, `object_map_resize`), rados_get_last_version
    private func writeObjects(
        _ id: String,
        _ resource: CephError.Resource,
        in context: borrowing IOContext
    ) throws(CephError) -> Bool {
        let steps = steps(id)
        var done: [(step: Step, version: UInt64)] = []
        for step in steps {
            let write = CompoundWrite()
            if step.isExclusive { write.create() }
            write.call(step.method, input: step.input)
            let result = write.operate(on: step.object, in: context)
            if result >= 0 {
                done.append((step, rados_get_last_version(context.pointer)))
                continue
            }
            // A step that timed out may still be carried out. The name stays taken, so that the remains are found and
            // repaired.
            if result != -ETIMEDOUT { undo(done, id, in: context) }
            if result == -EEXIST, step.method == "create" { return false }
            try check(result, .createImage, on: resource)
        }
        return true
    }

    private struct Step {
        var object: [CChar]
        var method: String
        var input: [UInt8]
        var isExclusive = true
    }

    private func steps(_ id: String) -> [Step] {
        let noDataPool: Int64 = -1
        var steps = [
            Step(object: RawName(name).idObject, method: "set_id", input: WireWriter.string(id)),
            Step(
                object: Array(ImageHeader.object(id: id).utf8CString),
                method: "create",
                input: WireWriter.integer(sizeBytes) + WireWriter.integer(order)
                    + WireWriter.integer(features.rawValue) + WireWriter.string("rbd_data.\(id)")
                    + WireWriter.integer(noDataPool)
            ),
        ]
        if features.contains(.objectMap) {
            // Another client may have found the image without its map, and created the map.
            steps.append(
                Step(
                    object: Array(ObjectMap.object(id: id).utf8CString),
                    method: "object_map_resize",
                    input: ObjectMap.allNonexistent(count: objectCount),
                    isExclusive: false
                )
            )
        }
        return steps
    }

    /// Undoes the steps as far as possible. Anything that remains is found and repaired like the remains of an
    /// interrupted create. An object that another client has just found and written to stays.
    private func undo(_ done: [(step: Step, version: UInt64)], _ id: String, in context: borrowing IOContext) {
        for (step, version) in done.reversed() {
            let write = CompoundWrite()
            write.assertVersion(version)
            write.remove()
            let result = write.operate(on: step.object, in: context)
            guard result >= 0 || result == -ENOENT else { return }
        }
        _ = context.removeFromDirectory(RawName(name), id)
    }
}
