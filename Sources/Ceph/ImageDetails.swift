// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

/// Properties of an image that are not in its header. Reading them needs an open, and more. Nil for those that were not
/// requested.
public struct ImageDetails: Hashable, Sendable {
    /// The properties that can be requested.
    public struct Fields: OptionSet, Hashable, Sendable {
        public let rawValue: UInt8

        public init(rawValue: UInt8) {
            self.rawValue = rawValue
        }

        public static let usage = Fields(rawValue: 1 << 0)
        public static let watchers = Fields(rawValue: 1 << 1)
        public static let clones = Fields(rawValue: 1 << 2)
        public static let mirroring = Fields(rawValue: 1 << 3)
        public static let migration = Fields(rawValue: 1 << 4)
        public static let encryption = Fields(rawValue: 1 << 5)
    }

    public var usage: ImageUsage?
    public var watchers: [ImageUse.Watcher]?
    public var clones: [ImageClone]?
    /// Nil also if the image is not mirrored.
    public var mirroring: ImageMirroring?
    /// Nil also if the image is not being migrated.
    public var migration: ImageMigration?
    /// Nil also if the image does not begin like an encrypted image.
    public var encryption: ImageEncryption?
}

extension Pool {
    /// Opens an image read-only, which disturbs no other client, and reads the requested properties.
    /// - Parameters:
    ///   - name: for messages, if there is an id.
    ///   - id: empty for images of the old format 1.
    /// - Throws: `CephError` with `.imageNotFound`, `.imageUnreadable`, `.parentNotFound`, `.namespaceNotFound`.
    /// - C function: rbd_open_by_id_read_only, rbd_open_read_only, rbd_diff_iterate2, rbd_watchers_list,
    ///   rbd_list_children3, rados_read_op_operate (`children_list` of `rbd_header.<id>`), rbd_mirror_image_get_info,
    ///   rbd_mirror_image_get_mode, rbd_migration_status, rbd_read
    public func details(_ fields: ImageDetails.Fields, ofImage name: String, id: String) async throws -> ImageDetails {
        let deadline = Deadline.current
        return try await withContext(.readImage, on: resource(ofImage: name), isLong: fields.contains(.usage)) {
            context throws(CephError) in
            let image = try id.isEmpty ? OpenImage(format1: name, in: context) : OpenImage(id: id, in: context)
            var details = ImageDetails()
            if fields.contains(.usage) { details.usage = try image.usage(until: deadline) }
            if fields.contains(.watchers) { details.watchers = try image.watchers() }
            if fields.contains(.clones) { details.clones = try image.clones(in: context) }
            if fields.contains(.mirroring) { details.mirroring = try image.mirroring() }
            if fields.contains(.migration) { details.migration = try image.migration(of: name, in: context) }
            if fields.contains(.encryption) { details.encryption = try image.encryption() }
            return details
        }
    }
}
