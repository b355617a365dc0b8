// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

internal import CRBD
internal import Glibc

/// Some of a pool's images, and the position of the next page.
public struct ImagePage: Hashable, Sendable {
    public var images: [ImageInfo]
    /// The position for the next call; nil if there are no more images.
    public var next: ImagePosition?
}

extension Pool {
    /// One image.
    /// - Throws: `CephError` with `.imageNotFound`, `.imageIncomplete` (the name is taken, but there is no complete
    ///   image behind it), `.imageUnreadable`, `.namespaceNotFound`.
    /// - C function: rados_read_op_operate, rados_aio_read_op_operate (class `rbd`)
    public func image(named name: String) async throws -> ImageInfo {
        try await withContext(.readImage, on: resource(ofImage: name)) { context throws(CephError) in
            var reader = ImageReader(context)
            return try reader.image(named: RawName(name))
        }
    }

    /// One image, by its id.
    /// - Throws: `CephError` with `.imageNotFound`, also if it is in the trash; `.imageIncomplete`, `.imageUnreadable`,
    ///   `.namespaceNotFound`.
    /// - C function: rados_aio_read_op_operate (`dir_get_name` of `rbd_directory`, class `rbd`)
    public func image(id: String) async throws -> ImageInfo {
        let resource = resource(ofImage: "#\(id)")
        return try await withContext(.readImage, on: resource) { context throws(CephError) in
            guard let name = try TraceRead(id, in: context).answer(on: resource).directoryName else {
                try context.requireNamespace()
                throw CephError(.imageNotFound, .readImage, on: resource)
            }
            var reader = ImageReader(context)
            let image = try reader.image(named: name)
            guard image.id == id else { throw CephError(.imageNotFound, .readImage, on: resource) }
            return image
        }
    }

    /// The id of the image with this name in the pool's directory; empty for an image of the old format 1.
    /// - Throws: `CephError` with `.imageNotFound`, `.namespaceNotFound`.
    /// - C function: rados_read_op_operate (`dir_get_id` of `rbd_directory`), rados_stat
    public func imageID(named name: String) async throws -> String {
        let resource = resource(ofImage: name)
        return try await withContext(.readImage, on: resource) { context throws(CephError) in
            let reader = ImageReader(context)
            switch try DirectoryRead.image(named: RawName(name), in: reader.context, on: resource) {
            case .image(let id): return id
            case .perhapsFormat1:
                if try reader.format1Image(named: name) != nil { return "" }
            case .nobody: break
            }
            try reader.context.requireNamespace()
            throw CephError(.imageNotFound, .readImage, on: resource)
        }
    }

    /// Whether an image has this name in the pool's directory. If the client's map does not have the pool, the monitors
    /// are not asked, and the answer is no. The same holds for a namespace that does not exist.
    /// - C function: rados_pool_list, rados_read_op_operate (`dir_get_id` of `rbd_directory`), rados_stat
    public func hasImage(named name: String) async throws -> Bool {
        // The pool and not the image: callers ask this about images that are not their subject.
        let resource: CephError.Resource = self.resource
        return try await cluster.run(.readImage, on: resource) { rados throws(CephError) in
            guard try rados.mapPools(resource).contains(self.name) else { return false }
            let context = try IOContext(place, rados: rados)
            let reader = ImageReader(context)
            switch try DirectoryRead.image(named: RawName(name), in: reader.context, on: resource) {
            case .image: return true
            case .perhapsFormat1: return try reader.format1Image(named: name) != nil
            case .nobody: return false
            }
        }
    }

    /// Images sorted by name.
    /// - Parameters:
    ///   - prefix: only names that begin with it.
    ///   - after: where the previous page ended.
    ///   - limit: the maximum number of images.
    /// - Throws: `CephError` with `.namespaceNotFound`.
    /// - C function: rados_read_op_operate, rados_aio_read_op_operate (class `rbd`, `rbd_header.<id>`)
    public func images(
        prefix: String = "",
        after position: ImagePosition? = nil,
        limit: Int = .max
    ) async throws -> ImagePage {
        let (deadline, cache) = (Deadline.current, cluster.headers)
        return try await withContext(.listImages, on: resource) { context throws(CephError) in
            var reader = ImageReader(context, until: deadline, cache: cache)
            var walk = DirectoryWalk(in: [NameRange(prefix: prefix)], after: position)
            let entries = try walk.next(limit, in: reader)
            return ImagePage(
                images: try reader.images(entries, tellsIncomplete: true),
                next: walk.isOver ? nil : entries.last?.position
            )
        }
    }

    /// Creates an image and reads it back, because librbd silently drops some features.
    /// - Parameter name: any name that librbd accepts; callers check it with `Names` first.
    /// - Throws: `CephError` with `.imageExists`, `.namespaceNotFound`, `.dataPoolNotFound`, `.invalidObjectSize`,
    ///   `.invalidFeatures`, `.invalidImageOption`, `.poolFull`.
    /// - C function: rados_write_op_operate (class `rbd`); rbd_create4 if the image is not a plain one
    public func createImage(
        named name: String,
        sizeBytes: UInt64,
        options: ImageOptions = ImageOptions()
    ) async throws -> ImageInfo {
        let resource = resource(ofImage: name)
        return try await withContext(.createImage, on: resource) { context throws(CephError) in
            var reader = ImageReader(context)
            let id = try Self.makeImage(
                named: name,
                sizeBytes: sizeBytes,
                options: options,
                in: reader.context,
                on: resource
            )
            return try Self.readBack(.createImage, on: resource) { () throws(CephError) in
                if let id { return try reader.newImage(named: RawName(name), id: id) }
                return try reader.image(named: RawName(name))
            }
        }
    }

    /// - Returns: its id; nil if librbd has created it, and did not return the id.
    /// - C function: rados_write_op_operate (class `rbd`); rbd_create4 if the image is not a plain one
    static func makeImage(
        named name: String,
        sizeBytes: UInt64,
        options: ImageOptions,
        in context: borrowing IOContext,
        on resource: CephError.Resource
    ) throws(CephError) -> String? {
        let plain = PlainImage(named: name, sizeBytes: sizeBytes, options: options, rados: context.rados)
        // If it turns out not to be plain, librbd creates it.
        if let id = try plain?.make(in: context) { return id }
        let creation = try CreationOptions(for: resource)
        try creation.set(options)
        let result = rbd_create4(context.pointer, name, sizeBytes, creation.pointer)
        // A missing namespace and a missing data pool have the same errno.
        if result == -ENOENT { try context.requireNamespace() }
        try check(result, .createImage, on: resource)
        return nil
    }

    /// Reads an object that was just created. If that fails, the error must not look as if nothing had been created.
    static func readBack<Value>(
        _ operation: CephError.Operation,
        on resource: CephError.Resource,
        _ read: () throws(CephError) -> Value
    ) throws(CephError) -> Value {
        do throws(CephError) {
            return try read()
        } catch {
            var missing: Set<CephError.Code> = [.imageNotFound, .imageIncomplete, .snapshotNotFound]
            if operation == .createPool { missing.insert(.poolNotFound) }
            throw CephError(
                missing.contains(error.code) ? .other : error.code,
                operation,
                on: resource,
                errno: error.errno,
                detail: "it was created, but could not be read back"
            )
        }
    }

    /// Removes an image of the old format 1 and its data for good, because it can't be in the trash. It takes time in
    /// proportion to the data to remove.
    /// - Throws: `CephError` with `.imageNotFound`, `.namespaceNotFound`, `.imageBusy` (a client has it open),
    ///   `.imageHasSnapshots`, `.imageInGroup`, `.poolFull`.
    /// - C function: rbd_remove
    public func removeFormat1Image(named name: String) async throws {
        let resource = resource(ofImage: name)
        try await withContext(.removeImage, on: resource) { context throws(CephError) in
            // By its name, librbd would remove whatever image has the name.
            let reader = ImageReader(context)
            guard try reader.format1Image(named: name) != nil else {
                try reader.context.requireNamespace()
                throw CephError(.imageNotFound, .removeImage, on: resource)
            }
            let result = rbd_remove(reader.context.pointer, name)
            if result == -ENOENT { try reader.context.requireNamespace() }
            try check(result, .removeImage, on: resource)
        }
    }
}
