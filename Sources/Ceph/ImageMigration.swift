// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

internal import CRBD
internal import Glibc

/// The source and the state of an image that `rbd migration` moves.
public struct ImageMigration: Hashable, Sendable {
    public enum State: String, Hashable, Sendable {
        case error, preparing, prepared, executing, executed, aborting
    }

    /// The source image, which stays in the trash until the migration is committed or aborted.
    public struct Source: Hashable, Sendable {
        /// `#` and the pool's id if the pool no longer exists.
        public var pool: String
        public var namespace: String
        /// Empty if the source is not an image of this cluster.
        public var image: String
        /// Empty for an image of the old format 1.
        public var imageID: String
    }

    public var source: Source
    /// Nil for a state that librbd does not know.
    public var state: State?
    /// librbd's description, such as how much is done; usually empty.
    public var detail: String
}

extension OpenImage {
    /// - Parameter name: the image's name.
    /// - Returns: nil if the image is not being migrated.
    /// - C function: rbd_get_features, rbd_migration_status, rbd_migration_status_cleanup, rados_read_op_operate
    ///   (`dir_get_name`, `trash_get`)
    func migration(of name: String, in context: borrowing IOContext) throws(CephError) -> ImageMigration? {
        guard try features().contains(.migrating) else { return nil }
        var status = rbd_image_migration_status_t()
        let size = MemoryLayout<rbd_image_migration_status_t>.size
        let result = rbd_migration_status(context.pointer, name, &status, size)
        // The migration was committed or aborted in between.
        if result == -ENOENT || result == -EINVAL { return nil }
        try check(result, .readImage, on: resource)
        defer { rbd_migration_status_cleanup(&status) }
        func text(_ pointer: UnsafeMutablePointer<CChar>?) -> String { pointer.map { String(cString: $0) } ?? "" }
        let pool = status.source_pool_id
        var source = ImageMigration.Source(
            pool: pool < 0 ? "" : (try? context.rados.poolName(id: pool)) ?? "#\(pool)",
            namespace: text(status.source_pool_namespace),
            image: text(status.source_image_name),
            imageID: text(status.source_image_id)
        )
        // librbd 16 does not find the name if librbd 14 prepared the migration. The trash, which holds the source, has
        // it.
        if source.image.isEmpty, pool >= 0, !source.imageID.isEmpty {
            let place = try IOContext(poolID: pool, namespace: source.namespace, rados: context.rados)
            source.image = try ImageReader.find(id: source.imageID, in: place)?.name ?? ""
        }
        return ImageMigration(
            source: source,
            state: Self.state(status.state),
            detail: text(status.state_description)
        )
    }

    private static func state(_ state: rbd_image_migration_state_t) -> ImageMigration.State? {
        switch state {
        case RBD_IMAGE_MIGRATION_STATE_ERROR: .error
        case RBD_IMAGE_MIGRATION_STATE_PREPARING: .preparing
        case RBD_IMAGE_MIGRATION_STATE_PREPARED: .prepared
        case RBD_IMAGE_MIGRATION_STATE_EXECUTING: .executing
        case RBD_IMAGE_MIGRATION_STATE_EXECUTED: .executed
        case RBD_IMAGE_MIGRATION_STATE_ABORTING: .aborting
        default: nil
        }
    }
}
