// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

/// A pool, or a namespace of a pool, that holds images and groups. Written as Ceph writes it: `pool` or
/// `pool/namespace`.
public struct Place: Hashable, Sendable, CustomStringConvertible {
    public var pool: String
    /// Empty for the pool's default namespace.
    public var namespace: String

    public init(pool: String, namespace: String = "") {
        self.pool = pool
        self.namespace = namespace
    }

    /// Reads `pool` or `pool/namespace`.
    /// - Returns: nil if a part is empty or there are more than two.
    public init?(parsing text: String) {
        let parts = text.split(separator: "/", omittingEmptySubsequences: false).map(String.init)
        guard !parts.contains(""), parts.count <= 2 else { return nil }
        self.init(pool: parts[0], namespace: parts.count == 2 ? parts[1] : "")
    }

    public func image(_ name: String) -> ImageSpec { ImageSpec(self, image: name) }

    public func group(_ name: String) -> GroupSpec { GroupSpec(self, name: name) }

    public var description: String { namespace.isEmpty ? pool : "\(pool)/\(namespace)" }
}
