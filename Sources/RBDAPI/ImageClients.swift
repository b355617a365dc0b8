// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

/// A lock on an image as the API shows it.
public struct ImageLock: Codable, Hashable, Sendable {
    /// Ceph's name of the connection that holds the lock, such as `client.4123`. The connection may no longer exist.
    public var client: String
    /// IP address, port and nonce, as Ceph writes them.
    public var address: String
    /// The name that the holder gave the lock.
    public var cookie: String
    /// Whether the lock is exclusive, so that no other client can hold a lock on the image.
    public var exclusive: Bool
    /// Whether librbd itself holds the lock, for the feature exclusive-lock. Such a lock ends with its holder.
    public var managed: Bool
    /// Whether this service holds the lock.
    public var own: Bool

    public init(client: String, address: String, cookie: String, exclusive: Bool, managed: Bool, own: Bool) {
        self.client = client
        self.address = address
        self.cookie = cookie
        self.exclusive = exclusive
        self.managed = managed
        self.own = own
    }
}

/// The answer to `GET …/images/{image}/locks`.
public struct ImageLocks: Codable, Hashable, Sendable {
    public var items: [ImageLock]

    public init(items: [ImageLock]) {
        self.items = items
    }
}

/// A client that has an image open, as the API shows it.
public struct ImageWatcher: Codable, Hashable, Sendable {
    /// Ceph's name of the connection, such as `client.4123`.
    public var client: String
    /// IP address, port and nonce, as Ceph writes them.
    public var address: String
    /// Distinguishes several watches of one client.
    public var cookie: UInt64
    /// Whether the client is this service.
    public var own: Bool

    public init(client: String, address: String, cookie: UInt64, own: Bool) {
        self.client = client
        self.address = address
        self.cookie = cookie
        self.own = own
    }
}

/// The answer to `GET …/images/{image}/watchers`.
public struct ImageWatchers: Codable, Hashable, Sendable {
    public var items: [ImageWatcher]

    public init(items: [ImageWatcher]) {
        self.items = items
    }
}
