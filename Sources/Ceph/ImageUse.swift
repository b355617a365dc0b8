// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

public import FoundationEssentials
internal import Glibc

/// Everything that uses an image, so that it must not be removed.
public struct ImageUse: Hashable, Sendable {
    /// A client that has the image open.
    public struct Watcher: Hashable, Sendable {
        /// Ceph's name of the connection, such as `client.4123`.
        public var client: String
        /// IP address, port and nonce, as Ceph writes them.
        public var address: String
        public var cookie: UInt64
    }

    /// An advisory lock, which its holder set with `rbd lock add` or `rbd_lock_exclusive`, or a lock of librbd itself.
    /// An advisory lock outlives its holder.
    public struct Lock: Hashable, Sendable {
        public var client: String
        public var address: String
        public var cookie: String
        /// Whether the lock is exclusive, so that no other client can hold a lock on the image.
        public var isExclusive: Bool

        /// Whether librbd itself holds the lock, for the feature exclusive-lock.
        public var isManaged: Bool { cookie.hasPrefix("auto ") }
    }

    public struct Snapshot: Hashable, Sendable {
        public var name: String
        public var createdAt: Date?
    }

    public struct Group: Hashable, Sendable {
        public var name: String
        public var pool: String
    }

    public var watchers: [Watcher] = []
    public var locks: [Lock] = []
    public var snapshots: [Snapshot] = []
    /// Snapshots that were removed but still exist, although no clone needs them: their removal, or that of the last
    /// clone, was interrupted. They do not keep the image in use.
    public var abandonedSnapshotCount = 0
    public var group: Group?
    public var isMigrating = false
}

extension Pool {
    /// Finds out what uses an image. librbd itself would hang in some of these cases, and would move an image to the
    /// trash while clients have it open.
    /// - Throws: `CephError` with `.imageNotFound`, `.imageIncomplete`, `.imageUnreadable`, `.namespaceNotFound`.
    /// - C function: rados_read_op_operate, rados_aio_read_op_operate, rados_notify2; if something uses the image:
    ///   rbd_open_by_id_read_only, rbd_watchers_list, rbd_list_lockers, rbd_snap_list, rbd_get_group, rbd_get_features
    public func use(ofImage name: String) async throws -> ImageUse {
        let resource = resource(ofImage: name)
        return try await withContext(.readImage, on: resource) { context throws(CephError) in
            guard case .image(let id) = try DirectoryRead.image(named: RawName(name), in: context, on: resource) else {
                return try OpenImage(format1: name, in: context).use(in: context)
            }
            let trash = TrashRead(id: id, in: context)
            do throws(CephError) {
                let use = try context.use(ofImageID: id, on: resource)
                if let entry = try trash.entry(.readImage, on: resource), entry.source != .removing {
                    throw CephError(.imageNotFound, .readImage, on: resource, detail: "it is in the trash")
                }
                return use
            } catch  where error.code == .imageNotFound && error.errno == ENOENT {
                throw CephError(.imageIncomplete, .readImage, on: resource, errno: ENOENT)
            }
        }
    }

    /// Finds out what uses an image, by its id. The image may be in the trash.
    /// - Throws: `CephError` with `.imageNotFound`, `.imageUnreadable`, `.namespaceNotFound`.
    /// - C function: as of ``use(ofImage:)``: rados_notify2
    public func use(ofImageID id: String) async throws -> ImageUse {
        let resource = resource(ofImage: "#\(id)")
        return try await withContext(.readImage, on: resource) { context throws(CephError) in
            try context.use(ofImageID: id, on: resource)
        }
    }
}
