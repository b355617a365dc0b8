// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

internal import CRBD
internal import CRados
internal import Glibc

extension ImageCatalogue {
    /// Images of the old format 1 keep their header in another form: librbd reads it for us. They are few, and `rbd` has
    /// refused to make them for years.
    /// - Returns: nil where there is none.
    /// - Throws: `CephError` with `.timedOut`, `.credentialsRefused`, `.clientBlocklisted`.
    /// - C function: rados_stat, rbd_stat
    func format1Image(named name: String) throws(CephError) -> ImageInfo? {
        let resource = resource(name)
        // Asking first spares librbd's open, which costs ten times as much for an image that is not there.
        let found = rados_stat(context.pointer, "\(name).rbd", nil, nil)
        if found == -ENOENT { return nil }
        try check(found, .readImage, on: resource)
        let image: OpenImage
        do throws(CephError) {
            image = try OpenImage(named: name, in: context)
        } catch  where error.code == .imageNotFound {
            // Removed in between.
            return nil
        }
        var stat = rbd_image_info_t()
        try check(rbd_stat(image.pointer, &stat, MemoryLayout<rbd_image_info_t>.size), .readImage, on: resource)
        let snapshotCount = try image.snapshotCount()
        return ImageInfo(
            name: name,
            id: "",
            sizeBytes: stat.size,
            objectSizeBytes: stat.obj_size,
            stripeUnitBytes: stat.obj_size,
            stripeCount: 1,
            features: [],
            snapshotCount: snapshotCount
        )
    }
}
