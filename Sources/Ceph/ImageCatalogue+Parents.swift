// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

internal import Glibc

extension ImageCatalogue {
    /// Finds the names behind a clone's reference. Ten thousand clones of one snapshot ask once.
    ///
    /// A parent in a pool that we may not read is no reason to hide the clone: what can't be told is left empty.
    mutating func parent(_ reference: ImageHeader.ParentReference) throws(CephError) -> ImageInfo.Parent {
        if let parent = parents[reference] { return parent }
        var parent = ImageInfo.Parent(
            pool: try poolName(id: reference.poolID),
            namespace: reference.namespace,
            image: "",
            imageID: reference.imageID,
            snapshot: "",
            overlapBytes: 0
        )
        do {
            let pool = try IOContext(poolID: reference.poolID, namespace: reference.namespace, rados: context.rados)
            parent.image = try Self.find(id: reference.imageID, in: pool)?.name ?? ""
            parent.snapshot =
                try Self.snapshotName(id: reference.snapshotID, ofImage: reference.imageID, in: pool) ?? ""
        } catch  where error.code != .timedOut && error.code != .clientBlocklisted {
            // Told above.
        }
        parents[reference] = parent
        return parent
    }

    /// Finds an image by its id, also in the trash.
    static func find(id: String, in pool: borrowing IOContext) throws(CephError) -> (name: String, isInTrash: Bool)? {
        let key = WireWriter.string(id)
        let directory = CompoundRead(capacity: 1)
        let name = directory.call("dir_get_name", input: key)
        if directory.operate(on: "rbd_directory", in: pool) >= 0, var reader = directory.output(name) {
            return reader.string().map { ($0, false) }
        }
        let resource = CephError.Resource.image("#\(id)", namespace: pool.namespace, pool: pool.pool)
        return try TrashRead(id: id, in: pool).entry(.readImage, on: resource).map { ($0.name, true) }
    }

    private static func snapshotName(
        id: UInt64,
        ofImage imageID: String,
        in pool: borrowing IOContext
    ) throws(CephError) -> String? {
        let read = CompoundRead(capacity: 1)
        let snapshot = read.call("snapshot_get", input: WireWriter.integer(id))
        let result = read.operate(on: ImageHeader.object(id: imageID), in: pool)
        if result == -ENOENT { return nil }
        try check(result, .readImage, on: .image("#\(imageID)", namespace: pool.namespace, pool: pool.pool))
        // Its frame begins with the id, then the frame of the snapshot's namespace, then the name.
        guard var reader = read.output(snapshot), reader.enterFrame() != nil, reader.integer(UInt64.self) != nil,
            reader.skipFrame() != nil
        else { return nil }
        return reader.string()
    }
}
