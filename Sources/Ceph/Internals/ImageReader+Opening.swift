// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

internal import CRBD
internal import CRados
internal import FoundationEssentials
internal import Glibc

/// Images that librbd must read: this costs ten times as much as reading a header, but librbd knows every layout.
extension ImageReader {
    /// Reads an image of the old format 1, which has its header in another form. These are few, and `rbd` has refused
    /// to create them for years.
    /// - Returns: nil if there is none.
    /// - C function: rados_stat, rbd_open_read_only
    func format1Image(named name: String) throws(CephError) -> ImageInfo? {
        // This check is cheaper than librbd's open for an image that does not exist.
        let found = rados_stat(context.pointer, "\(name).rbd", nil, nil)
        if found == -ENOENT { return nil }
        try check(found, .readImage, on: resource(name))
        return try unlessGone(name) { () throws(CephError) in
            try OpenImage(format1: name, in: context).info(Entry(name: name, id: ""), in: context)
        }
    }

    /// Reads an image whose header has a layout that is not known here.
    /// - Returns: nil if the image no longer exists.
    /// - C function: rbd_open_by_id_read_only
    func openedImage(_ entry: Entry) throws(CephError) -> ImageInfo? {
        try unlessGone(entry.name) { () throws(CephError) in
            try OpenImage(id: entry.id, in: context).info(entry, in: context)
        }
    }

    private func unlessGone(_ name: String, _ read: () throws(CephError) -> ImageInfo) throws(CephError) -> ImageInfo? {
        do throws(CephError) {
            return try read()
        } catch  where error.code == .imageNotFound {
            // The image was removed in between.
            return nil
        } catch {
            throw CephError(error.code, .readImage, on: resource(name), errno: error.errno, detail: error.detail)
        }
    }
}

extension OpenImage {
    /// Everything that librbd knows of an image, read by one getter after another.
    /// - C function: rbd_stat, rbd_get_stripe_unit, rbd_get_stripe_count, rbd_get_features, rbd_get_op_features,
    ///   rbd_get_flags, rbd_get_create_timestamp, rbd_get_modify_timestamp, rbd_get_access_timestamp,
    ///   rbd_get_data_pool_id, rbd_get_parent, rbd_get_overlap, rbd_get_group
    func info(_ entry: ImageReader.Entry, in context: borrowing IOContext) throws(CephError) -> ImageInfo {
        let (stat, layout) = (try stat(), try layout())
        var info = ImageInfo(
            name: entry.name,
            rawName: entry.rawName,
            id: entry.id,
            sizeBytes: stat.size,
            objectSizeBytes: stat.obj_size,
            stripeUnitBytes: layout.stripeUnitBytes,
            stripeCount: layout.stripeCount,
            features: try features(),
            operationFeatures: OperationFeatures(rawValue: try number(rbd_get_op_features)),
            flags: try flags(),
            snapshotCount: try snapshotCount(),
            createdAt: date(rbd_get_create_timestamp),
            modifiedAt: date(rbd_get_modify_timestamp),
            accessedAt: date(rbd_get_access_timestamp),
            isBeingRemoved: entry.isBeingRemoved
        )
        let dataPool = rbd_get_data_pool_id(pointer)
        if dataPool >= 0, dataPool != context.poolID {
            info.dataPool = (try? context.rados.poolName(id: dataPool)) ?? "#\(dataPool)"
        }
        info.parent = try parent()
        if let group = try group(rados: context.rados, ownPool: context.pool) {
            info.group = ImageInfo.Group(pool: group.pool, namespace: context.namespace, name: group.name)
        }
        return info
    }

    private func date(_ get: (rbd_image_t, UnsafeMutablePointer<timespec>) -> CInt) -> Date? {
        var time = timespec()
        guard get(pointer, &time) >= 0, time.tv_sec > 0 else { return nil }
        return Date(timeIntervalSince1970: Double(time.tv_sec) + Double(time.tv_nsec) / 1e9)
    }

    private func parent() throws(CephError) -> ImageInfo.Parent? {
        var (image, snapshot) = (rbd_linked_image_spec_t(), rbd_snap_spec_t())
        let result = rbd_get_parent(pointer, &image, &snapshot)
        if result == -ENOENT { return nil }
        try check(result, .readImage, on: resource)
        defer {
            rbd_linked_image_spec_cleanup(&image)
            rbd_snap_spec_cleanup(&snapshot)
        }
        return ImageInfo.Parent(
            pool: String(cString: image.pool_name),
            namespace: String(cString: image.pool_namespace),
            image: String(cString: image.image_name),
            imageID: String(cString: image.image_id),
            snapshot: String(cString: snapshot.name),
            overlapBytes: try overlapBytes()
        )
    }
}
