// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

internal import CRados
internal import Glibc

extension Pool {
    /// Removes what a create by librbd leaves behind where an OSD was slow. librbd gives the image its name, and then sends its header. When
    /// that times out, librbd takes the name back; the OSD may still carry out what it was sent. Then there is a header to which no name
    /// leads, and nobody knows its id: librbd has drawn it, and told it to nobody.
    ///
    /// All objects of the place are gone through, and where something was found those of all other pools, too. It takes as long as there
    /// are objects. A header is removed that is in neither the directory nor the trash, that has never had a snapshot, and that has neither
    /// parent, group, object map, journal nor data. Such an object map without a header is removed as well.
    /// - Parameters:
    ///   - idPrefix: what the ids of images begin with that the client makes whose creates failed, see ``Cluster/imageIDPrefix``. Everything
    ///     that this client has sent must have been carried out, or be refused from now on.
    ///   - call: tells how far the search is, and ends it.
    ///   - threads: where the call is made.
    /// - Returns: the ids whose objects were removed.
    /// - Throws: `CephError` with `.stopped`, `.poolNotFound`, `.namespaceNotFound`, `.timedOut`, `.credentialsRefused`, `.clientBlocklisted`.
    /// - C function: rados_object_list, rados_write_op_assert_version, rados_write_op_remove
    public func removeNamelessHeaders(
        idPrefix: String,
        call: LongCall,
        on threads: BlockingPool
    ) async throws -> [String] {
        let resource = resource
        return try await withContext(.repairImage, on: resource, through: threads) { context throws(CephError) in
            let prefixes = [ImageHeader.object(id: idPrefix), ObjectMap.object(id: idPrefix)]
            let objects = try context.objects(withPrefixes: prefixes, limit: .max, call, resource)
            // Of an object map of a snapshot: "rbd_object_map.ID.SNAPSHOT".
            let ids = Set(objects.map { String($0.split(separator: ".")[1]) })
            var suspects: [String: UInt64?] = [:]
            for id in ids.sorted() {
                let trace = try TraceRead(id, in: context).answer(on: resource)
                guard trace.isNameless else { continue }
                if trace.hasHeader, try !context.isUntouched(headerOf: id, on: resource) { continue }
                suspects[id] = .some(trace.headerVersion)
            }
            var removed: [String] = []
            for (id, version) in suspects.sorted(by: { $0.key < $1.key }) {
                guard try context.removeNameless(id, version, call, on: resource) else { continue }
                removed.append(id)
            }
            return removed
        }
    }
}

extension ImageStanding.Trace {
    /// Neither the directory nor the trash knows the image.
    fileprivate var isNameless: Bool { directoryName == nil && trash == nil }
}

extension IOContext {
    /// Whether an image is as it was the moment it was made.
    fileprivate func isUntouched(headerOf id: String, on resource: CephError.Resource) throws(CephError) -> Bool {
        let read = ImageHeader.read(withSnapshots: false)
        let result = read.operate(on: ImageHeader.object(id: id), in: self)
        if result == -ENOENT { return false }
        try check(result, .repairImage, on: resource)
        // What is not understood is let alone.
        guard let header = ImageHeader(read, withSnapshots: false) else { return false }
        return header.snapshotSequence == 0 && header.parent == nil && header.group == nil
            && header.operationFeatures == 0
    }

    /// - Parameter version: the header's, nil where there is only an object map.
    /// - Returns: whether it was as it had been seen, and is gone now.
    fileprivate func removeNameless(
        _ id: String,
        _ version: UInt64?,
        _ call: LongCall,
        on resource: CephError.Resource
    ) throws(CephError) -> Bool {
        let map = ObjectMap.object(id: id)
        let remains = try remains(ofImageIDs: [id], call, resource).filter { version != nil || $0 != map }
        guard remains.isEmpty else { return false }
        // An image that moves from the directory to the trash in this very moment, or back, may be missed in both: hence twice.
        let trace = try TraceRead(id, in: self).answer(on: resource)
        guard trace.isNameless, trace.headerVersion == version else { return false }
        let removal = CompoundWrite()
        if let version { removal.assertVersion(version) }
        removal.remove()
        let result = removal.operate(on: version == nil ? map : ImageHeader.object(id: id), in: self)
        if result == -ENOENT || result == -ERANGE || result == -EOVERFLOW { return false }
        try check(result, .repairImage, on: resource)
        return true
    }
}
