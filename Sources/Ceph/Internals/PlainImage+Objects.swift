// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

internal import CRados
internal import Glibc
import Naming

extension PlainImage {
    /// Makes the image.
    /// - Returns: its id; nil where something is as it seldom is, so that librbd is to make the image. Nothing was done then.
    /// - Throws: `CephError` with `.imageExists`, `.namespaceNotFound`, `.poolNotFound`, `.poolFull`, `.timedOut`,
    ///   `.credentialsRefused`, `.clientBlocklisted`.
    /// - C function: rados_aio_read_op_operate, rados_read_op_operate, rados_write_op_operate
    func make(in context: borrowing IOContext) throws(CephError) -> String? {
        let resource = CephError.Resource.image(context.place.image(name))
        guard try RBDInfoRead(of: context).isPlain(resource) else { return nil }
        // Another image may have drawn the same id, once in many millions.
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

    /// As librbd does: the number that the cluster gave this client, and digits at random, in no more than
    /// `RBD_MAX_IMAGE_ID_LENGTH`. All of these are used, so that the same are drawn less often.
    /// - C function: rados_get_instance_id
    private static func drawID(for rados: RadosHandle) -> String {
        let length = 14
        let random = String(UInt64.random(in: (1 << 60)...UInt64.max), radix: 16)
        return String((String(rados_get_instance_id(rados.pointer), radix: 16) + random).prefix(length))
    }

    /// Puts name and id in the pool's directory.
    /// - Returns: 0, or -errno: -EEXIST where the name is taken, -ENOENT where the namespace is missing; what
    ///   ``CompoundWrite/foundDifference(_:)`` tells where the directory has images of format 1.
    /// - C function: rados_write_op_operate (`dir_state_assert`, `dir_add_image` of `rbd_directory`)
    private func takeName(_ id: String, in context: borrowing IOContext) -> CInt {
        let write = CompoundWrite()
        // Images of format 1 are in the directory's data, behind four bytes of a header and four that count them. librbd looks
        // for an image of the name instead: one more operation for each, for the sake of images that hardly any pool has.
        write.requireZeros(count: 4, at: 4)
        if !context.namespace.isEmpty {
            let isReady: UInt8 = 0
            write.call("dir_state_assert", input: WireWriter.integer(isReady))
        }
        write.call("dir_add_image", input: WireWriter.string(name) + WireWriter.string(id))
        return write.operate(on: "rbd_directory", in: context)
    }

    /// Makes the objects of an image whose name is taken, one after another. Where one fails, none of them stays, nor the name.
    /// - Returns: whether it was done; not where there is an image of this id.
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
            // What timed out may yet be done: the name stays taken, so that it is found and mended.
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
            // Somebody may have found the image without its map by now, and made it.
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

    /// As far as it goes: what is left then is found, and mended, as what an interrupted create has left. What somebody has found, and
    /// written to, in this moment stays.
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
