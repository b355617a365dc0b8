// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

internal import CRBD
internal import Glibc

/// Where an image comes from that `rbd migration` moves, and how far that is.
public struct ImageMigration: Hashable, Sendable {
    public enum State: String, Hashable, Sendable {
        case error, preparing, prepared, executing, executed, aborting
    }

    /// The image that it comes from, which waits in the trash until the migration is committed or aborted.
    public struct Source: Hashable, Sendable {
        /// `#` and its id where it is gone.
        public var pool: String
        public var namespace: String
        /// Empty where the source is no image of this cluster.
        public var image: String
        /// Empty for an image of the old format 1.
        public var imageID: String
    }

    public var source: Source
    /// Nil for one that librbd does not know.
    public var state: State?
    /// What librbd says of it, such as how much is done; mostly empty.
    public var detail: String
}

extension OpenImage {
    /// - Parameter name: the image's name.
    /// - Returns: nil where the image is not being migrated.
    /// - C function: rbd_get_features, rbd_migration_status, rbd_migration_status_cleanup
    func migration(of name: String, in context: borrowing IOContext) throws(CephError) -> ImageMigration? {
        guard try features().contains(.migrating) else { return nil }
        var status = rbd_image_migration_status_t()
        let size = MemoryLayout<rbd_image_migration_status_t>.size
        let result = rbd_migration_status(context.pointer, name, &status, size)
        // It was committed or aborted in between.
        if result == -ENOENT || result == -EINVAL { return nil }
        try check(result, .readImage, on: resource)
        defer { rbd_migration_status_cleanup(&status) }
        func text(_ pointer: UnsafeMutablePointer<CChar>?) -> String { pointer.map { String(cString: $0) } ?? "" }
        let pool = status.source_pool_id
        return ImageMigration(
            source: ImageMigration.Source(
                pool: pool < 0 ? "" : (try? context.rados.poolName(id: pool)) ?? "#\(pool)",
                namespace: text(status.source_pool_namespace),
                image: text(status.source_image_name),
                imageID: text(status.source_image_id)
            ),
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
