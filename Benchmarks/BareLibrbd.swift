// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import CRBD
import CRados

/// Bare librbd: one connection, one context, one call for each image.
///
/// It is `Sendable`, because librados and librbd let any thread use a connection and a context.
final class BareLibrbd: @unchecked Sendable {
    private var cluster: rados_t?
    private(set) var context: rados_ioctx_t?

    init(pool: String) throws {
        try check(rados_create2(&cluster, "ceph", "client.admin", 0), "rados_create2")
        try check(rados_conf_read_file(cluster, nil), "rados_conf_read_file")
        try check(rados_connect(cluster), "rados_connect")
        try check(rados_ioctx_create(cluster, pool, &context), "rados_ioctx_create")
    }

    deinit {
        if let context { rados_ioctx_destroy(context) }
        if let cluster { rados_shutdown(cluster) }
    }

    func create(_ name: String, gibibytes: UInt64 = 1) throws {
        var options: rbd_image_options_t?
        rbd_image_options_create(&options)
        defer { rbd_image_options_destroy(options) }
        try check(rbd_create4(context, name, gibibytes << 30, options), "rbd_create4 \(name)")
    }

    /// Creates an empty image of 1 TiB without an object map, for the benchmark of deletes.
    func createLarge(_ name: String) throws {
        var options: rbd_image_options_t?
        rbd_image_options_create(&options)
        defer { rbd_image_options_destroy(options) }
        rbd_image_options_set_uint64(options, CInt(RBD_IMAGE_OPTION_FEATURES), UInt64(RBD_FEATURE_LAYERING))
        try check(rbd_create4(context, name, 1 << 40, options), "rbd_create4 \(name)")
    }

    func moveToTrash(_ name: String) throws {
        try check(rbd_trash_move(context, name, 86_400), "rbd_trash_move \(name)")
    }

    func remove(_ name: String) throws {
        try check(rbd_remove(context, name), "rbd_remove \(name)")
    }

    /// Opens an image and reads its properties, as a client of librbd does.
    func openAndStat(_ name: String) throws {
        var image: rbd_image_t?
        try check(rbd_open_read_only(context, name, &image, nil), "rbd_open_read_only \(name)")
        defer { rbd_close(image) }
        var info = rbd_image_info_t()
        try check(rbd_stat(image, &info, MemoryLayout<rbd_image_info_t>.size), "rbd_stat \(name)")
    }

    func check(_ result: CInt, _ call: String) throws {
        if result < 0 { throw ValidationError("\(call): \(result)") }
    }
}
