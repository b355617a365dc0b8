// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

/// A namespace of a pool as the API shows it.
public struct Namespace: Codable, Hashable, Sendable {
    public var pool: String
    public var name: String
    /// Null in lists: it takes several reads for each namespace.
    public var contents: Contents?

    public init(pool: String, name: String, contents: Contents?) {
        self.pool = pool
        self.name = name
        self.contents = contents
    }

    /// What keeps a namespace from being deleted.
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

    public func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: CodingKeys.self)
        try container.encode(pool, forKey: .pool)
        try container.encode(name, forKey: .name)
        try container.encode(contents, forKey: .contents)
    }
}

/// The body of `POST /v1/pools/{pool}/namespaces`.
public struct CreateNamespaceRequest: Codable, Hashable, Sendable, RequestBody {
    public var name: String

    public init(name: String) {
        self.name = name
    }

    private enum CodingKeys: String, CodingKey, CaseIterable {
        case name
    }

    public static let fieldNames = CodingKeys.allCases.map(\.rawValue)
}
