// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

public import FoundationEssentials

/// Who and what holds on to an image, so that it must not be removed.
public struct ImageUse: Hashable, Sendable {
    /// A client that has the image open.
    public struct Watcher: Hashable, Sendable {
        /// Ceph's name of the connection, such as `client.4123`.
        public var client: String
        /// IP address, port and nonce, as Ceph writes them.
        public var address: String
        public var cookie: UInt64
    }

    /// An advisory lock, which its holder set with `rbd lock add` or `rbd_lock_exclusive`, or one of librbd's own. It
    /// outlives its holder.
    public struct Lock: Hashable, Sendable {
        public var client: String
        public var address: String
        public var cookie: String
        /// Whether nobody else can have a lock beside it.
        public var isExclusive: Bool

        /// Whether it is librbd's own, of the feature exclusive-lock.
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
    public var group: Group?
    public var isMigrating = false
}

extension Pool {
    /// Looks who and what uses an image. librbd itself would hang on some of it, and move the image into the trash from
    /// under others.
    /// - Throws: `CephError` with `.imageNotFound`, `.namespaceNotFound`, `.poolNotFound`, `.timedOut`,
    ///   `.credentialsRefused`, `.clientBlocklisted`.
    /// - C function: rbd_open_read_only, rbd_watchers_list, rbd_list_lockers, rbd_snap_list, rbd_get_group,
    ///   rbd_get_features
    public func use(ofImage name: String) async throws -> ImageUse {
        try await withContext(.readImage, on: resource(ofImage: name)) { context throws(CephError) in
            try OpenImage(named: name, in: context).use(in: context)
        }
    }
}
