// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

/// A namespace of a pool as the API shows it.
public struct Namespace: Codable, Hashable, Sendable {
    public var pool: String
    public var name: String
    /// Null in lists, because it takes several reads for each namespace.
    @Nullable public var contents: Contents?
    /// Null in lists.
    @Nullable public var mirroring: Mirroring?

    public init(pool: String, name: String, contents: Contents?, mirroring: Mirroring?) {
        self.pool = pool
        self.name = name
        self.contents = contents
        self.mirroring = mirroring
    }

    /// Which images of a namespace are mirrored to another cluster.
    public struct Mirroring: Codable, Hashable, Sendable {
        /// `disabled`, `image` (the images that mirroring is enabled for), `pool` (all that have a journal),
        /// `init-only` (none), or `unknown`.
        public var mode: String
        /// The namespace of the other cluster that holds the copies; null if none is set.
        @Nullable public var remoteNamespace: String?

        public init(mode: String, remoteNamespace: String?) {
            self.mode = mode
            self.remoteNamespace = remoteNamespace
        }
    }

    /// The objects that prevent the deletion of a namespace.
    public struct Contents: Codable, Hashable, Sendable {
        public var images: Int
        /// Images in the trash.
        public var trash: Int
        public var groups: Int

        public init(images: Int, trash: Int, groups: Int) {
            self.images = images
            self.trash = trash
            self.groups = groups
        }
    }
}

/// The body of `POST /v1/pools/{pool}/namespaces`.
public typealias CreateNamespaceRequest = NameRequest
