// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

internal import CRados
internal import Glibc

extension Pool {
    /// Removes what a create by librbd leaves behind if an OSD is slow. librbd first writes the name of the image and
    /// then sends its header. If that times out, librbd removes the name, but the OSD may still write the header. The
    /// result is a header without a name, whose id is not known: librbd chose it, and did not return it.
    ///
    /// This searches all objects of the place. If it finds something, it also searches those of all other pools. It
    /// takes time in proportion to the number of objects. A header is removed if it is in neither the directory nor the
    /// trash, has never had a snapshot, and has no parent, group, object map, journal or data. An object map without a
    /// header is removed under the same conditions.
    /// - Parameters:
    ///   - idPrefix: the prefix of the ids of images of the client whose creates failed, see ``Cluster/imageIDPrefix``.
    ///     Everything that this client has sent must already be carried out, or must be refused from now on.
    ///   - call: records the progress of the search, and stops it.
    ///   - threads: the pool to make the call in.
    /// - Returns: the ids whose objects were removed.
    /// - Throws: `CephError` with `.stopped`, `.namespaceNotFound`.
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
            // The object map of a snapshot is named "rbd_object_map.ID.SNAPSHOT".
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
    /// Whether the image is in neither the directory nor the trash.
    fileprivate var isNameless: Bool { directoryName == nil && trash == nil }
}

extension IOContext {
    /// Whether an image is unchanged since it was created.
    fileprivate func isUntouched(headerOf id: String, on resource: CephError.Resource) throws(CephError) -> Bool {
        let read = ImageHeader.read(withSnapshots: false)
        read.operate(on: ImageHeader.object(id: id), in: self)
        guard try read.isFound(.repairImage, on: resource) else { return false }
        // A header with an unknown layout is not removed.
        guard let header = ImageHeader(read, withSnapshots: false) else { return false }
        return header.snapshotSequence == 0 && header.parent == nil && header.group == nil
            && header.operationFeatures == 0
    }

    /// - Parameter version: the version of the header; nil if there is only an object map.
    /// - Returns: whether it was unchanged, and was removed.
    fileprivate func removeNameless(
        _ id: String,
        _ version: UInt64?,
        _ call: LongCall,
        on resource: CephError.Resource
    ) throws(CephError) -> Bool {
        let map = ObjectMap.object(id: id)
        let remains = try remains(ofImageIDs: [id], call, resource).filter { version != nil || $0 != map }
        guard remains.isEmpty else { return false }
        // An image that just moves between the directory and the trash may be missed in both. So this checks twice.
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
