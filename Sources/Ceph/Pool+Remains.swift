// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

internal import CRados
internal import Glibc
import Naming

extension Pool {
    /// Searches for the remains of an image without a header. An interrupted create leaves only a name, because the
    /// header is written before the data. An image that has lost its header still has its data, and freeing its name
    /// would destroy the last trace of it.
    ///
    /// This searches all objects of the place, and those of all other pools, which may have been the image's data pool.
    /// It takes time in proportion to the number of objects.
    /// - Parameters:
    ///   - call: records the progress of the search, and stops it.
    ///   - threads: the pool to make the call in.
    /// - Returns: the names of some objects of the image; empty if there are none.
    /// - Throws: `CephError` with `.stopped`.
    /// - C function: rados_object_list
    public func remains(ofImageID id: String, call: LongCall, on threads: BlockingPool) async throws -> [String] {
        let resource = resource(ofImage: "#\(id)")
        return try await withContext(.readImage, on: resource, through: threads) { context throws(CephError) in
            try context.remains(ofImageIDs: [id], call, resource)
        }
    }
}

extension IOContext {
    private static let page = 1000
    /// The number of object names to return.
    private static let enough = 5

    /// - Returns: the names of some objects of any of the images, without headers; empty if there are none.
    func remains(
        ofImageIDs ids: [String],
        _ call: LongCall,
        _ resource: CephError.Resource
    ) throws(CephError) -> [String] {
        let own = ids.flatMap { ["rbd_data.\($0).", "rbd_object_map.\($0)", "journal.\($0)"] }
        let found = try objects(withPrefixes: own, limit: Self.enough, call, resource)
        guard found.isEmpty else { return found }
        for name in try rados.mapPools(resource) where name != pool {
            let other = try IOContext(Place(pool: name, namespace: namespace), rados: rados)
            do throws(CephError) {
                let prefixes = ids.map { "rbd_data.\(poolID).\($0)." }
                let found = try other.objects(withPrefixes: prefixes, limit: Self.enough, call, resource)
                guard found.isEmpty else { return found.map { "\(name)/\($0)" } }
            } catch  where error.code == .credentialsRefused || error.code == .poolNotFound {
                // A pool that the service may not read holds no data of images that the service could create or open.
            }
        }
        return []
    }

    /// The names of objects that begin with one of the prefixes. All objects of the place are searched until there are
    /// enough.
    /// - Parameter limit: a few more may be returned.
    func objects(
        withPrefixes prefixes: [String],
        limit: Int,
        _ call: LongCall,
        _ resource: CephError.Resource
    ) throws(CephError) -> [String] {
        let prefixes = prefixes.map { Array($0.utf8) }
        var cursor = rados_object_list_begin(pointer)
        guard cursor != nil, let end = rados_object_list_end(pointer) else {
            throw CephError(.poolNotFound, .readImage, on: resource)
        }
        defer {
            rados_object_list_cursor_free(pointer, cursor)
            rados_object_list_cursor_free(pointer, end)
        }
        let items = UnsafeMutablePointer<rados_object_list_item>.allocate(capacity: Self.page)
        defer { items.deallocate() }
        var found: [String] = []
        var seen: UInt64 = 0
        while rados_object_list_is_end(pointer, cursor) == 0, found.count < limit {
            try call.advance(to: seen, of: .max, .readImage, on: resource)
            // The call writes to it, and it must be a valid cursor before.
            var next: rados_object_list_cursor? = rados_object_list_begin(pointer)
            let result = rados_object_list(pointer, cursor, end, Self.page, nil, 0, items, &next)
            defer { rados_object_list_cursor_free(pointer, next) }
            try check(result, .readImage, on: resource)
            for index in 0..<Int(result) {
                let name = UnsafeRawBufferPointer(start: items[index].oid, count: items[index].oid_length)
                if prefixes.contains(where: { name.starts(with: $0) }) {
                    found.append(String(decoding: name, as: UTF8.self))
                }
            }
            seen += UInt64(result)
            rados_object_list_free(Int(result), items)
            swap(&cursor, &next)
        }
        return found
    }
}
