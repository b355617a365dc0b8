// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

internal import CRados
internal import Glibc

/// What a create that was interrupted has left of an image: a name that is taken, with nothing behind it.
///
/// librbd takes the name in the pool's directory first, then makes `rbd_id.<name>`, then the header. A create that is on
/// its way in another process looks the same: only time tells them apart.
public struct ImageRemnant: Hashable, Sendable {
    public var name: String
    /// The id that the image was to have.
    public var id: String
    /// Of `rbd_id.<name>`; nil where there is none yet.
    var idVersion: UInt64?
}

extension Pool {
    /// Looks for what an interrupted create left.
    /// - Returns: nil where the name is free, and where there is an image of this name.
    /// - Throws: `CephError` with `.poolNotFound`, `.timedOut`, `.credentialsRefused`, `.clientBlocklisted`.
    /// - C function: rados_read_op_operate (`get_id` of `rbd_id.<name>`, `dir_get_id` of `rbd_directory`),
    ///   rados_get_last_version
    public func remnant(ofImage name: String) async throws -> ImageRemnant? {
        let resource = resource(ofImage: name)
        return try await withContext(.readImage, on: resource) { context throws(CephError) in
            let byName = try context.text("get_id", of: "rbd_id.\(name)", on: resource)
            let version = byName.map { _ in rados_get_last_version(context.pointer) }
            let inDirectory = try context.text(
                "dir_get_id",
                input: WireWriter.string(name),
                of: "rbd_directory",
                on: resource
            )
            guard let id = byName ?? inDirectory else { return nil }
            let found = rados_stat(context.pointer, ImageHeader.object(id: id), nil, nil)
            guard found == -ENOENT else {
                try check(found, .readImage, on: resource)
                return nil
            }
            return ImageRemnant(name: name, id: id, idVersion: version)
        }
    }

    /// Frees the name that an interrupted create has taken. Where it changed since it was looked at, nothing is done.
    /// - Throws: `CephError` with `.poolNotFound`, `.poolFull`, `.timedOut`, `.credentialsRefused`, `.clientBlocklisted`.
    /// - C function: rados_write_op_operate (`dir_remove_image` of `rbd_directory`), rados_write_op_assert_version,
    ///   rados_write_op_remove
    public func clear(_ remnant: ImageRemnant) async throws {
        let resource = resource(ofImage: remnant.name)
        try await withContext(.repairImage, on: resource) { context throws(CephError) in
            if let version = remnant.idVersion {
                let write = CompoundWrite()
                write.assertVersion(version)
                write.remove()
                let result = write.operate(on: "rbd_id.\(remnant.name)", in: context)
                // Gone, or made anew by somebody else: the name is not ours to free any more.
                if result == -ERANGE || result == -EOVERFLOW { return }
                if result != -ENOENT { try check(result, .repairImage, on: resource) }
            }
            let write = CompoundWrite()
            write.call("dir_remove_image", input: WireWriter.string(remnant.name) + WireWriter.string(remnant.id))
            let result = write.operate(on: "rbd_directory", in: context)
            // The class itself sees to it that name and id still belong together.
            if result != -ENOENT && result != -ESTALE { try check(result, .repairImage, on: resource) }
        }
    }

    /// Whether an image that had this name has been removed in part only.
    /// - Throws: `CephError` with `.poolNotFound`, `.timedOut`, `.credentialsRefused`, `.clientBlocklisted`.
    /// - C function: rados_read_op_operate (`trash_list` of `rbd_trash`)
    public func hasInterruptedRemoval(ofImage name: String) async throws -> Bool {
        try await withContext(.readImage, on: resource(ofImage: name)) { context throws(CephError) in
            try ImageReader(context).imagesBeingRemoved().values.contains(name)
        }
    }

    /// Makes the object map that an interrupted create did not come to. Without it the kernel client can't map the image.
    /// - Parameter image: as it was read a moment ago.
    /// - Returns: whether it was missing.
    /// - Throws: `CephError` with `.poolNotFound`, `.poolFull`, `.timedOut`, `.credentialsRefused`, `.clientBlocklisted`.
    /// - C function: rados_stat, rados_write_op_operate (`object_map_resize` of `rbd_object_map.<id>`)
    @discardableResult
    public func completeObjectMap(of image: ImageInfo) async throws -> Bool {
        guard image.features.contains(.objectMap), !image.id.isEmpty else { return false }
        let resource = resource(ofImage: image.name)
        return try await withContext(.repairImage, on: resource) { context throws(CephError) in
            let object = ObjectMap.object(id: image.id)
            let found = rados_stat(context.pointer, object, nil, nil)
            guard found == -ENOENT else {
                try check(found, .repairImage, on: resource)
                return false
            }
            // Whoever opened the image to write without finding a map has flagged it: then it may hold data, and only
            // `rbd object-map rebuild` knows where.
            guard try Self.flags(ofImage: image.id, resource, in: context) == 0 else { return false }
            let write = CompoundWrite()
            write.create()
            write.call("object_map_resize", input: ObjectMap.allNonexistent(count: image.objectCount))
            let result = write.operate(on: object, in: context)
            // The create that we took for dead lives, and has just made it.
            if result == -EEXIST { return false }
            try check(result, .repairImage, on: resource)
            return true
        }
    }

    private static func flags(
        ofImage id: String,
        _ resource: CephError.Resource,
        in context: borrowing IOContext
    ) throws(CephError) -> UInt64 {
        let read = CompoundRead(capacity: 1)
        let answer = read.call("get_flags", input: ImageHeader.noSnapshot)
        try check(read.operate(on: ImageHeader.object(id: id), in: context), .readImage, on: resource)
        guard var reader = read.output(answer), let flags = reader.integer(UInt64.self) else {
            throw CephError(.other, .readImage, on: resource, detail: "its flags can't be read")
        }
        return flags
    }
}
