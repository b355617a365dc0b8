// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

/// A lock on an image as the API shows it.
public struct ImageLock: Codable, Hashable, Sendable {
    /// Ceph's name of the connection that holds it, such as `client.4123`. It may be long gone.
    public var client: String
    /// IP address, port and nonce, as Ceph writes them.
    public var address: String
    /// The name that its holder gave it.
    public var cookie: String
    /// Whether nobody else can have a lock beside it.
    public var exclusive: Bool
    /// Whether it is librbd's own, of the feature exclusive-lock. It goes with its holder.
    public var managed: Bool
    /// Whether this service holds it.
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
    /// Tells apart several watches of one client.
    public var cookie: UInt64
    /// Whether it is this service.
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
