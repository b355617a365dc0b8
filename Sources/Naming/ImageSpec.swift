// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

/// An image, written as Ceph writes it: `pool/image` or `pool/namespace/image`.
public struct ImageSpec: Hashable, Sendable, CustomStringConvertible {
    public var place: Place
    public var image: String

    public init(_ place: Place, image: String) {
        self.place = place
        self.image = image
    }

    public init(pool: String, namespace: String = "", image: String) {
        self.init(Place(pool: pool, namespace: namespace), image: image)
    }

    /// Reads `pool/image`, `pool/namespace/image`, or only `image`, which `rbd` looks for in the pool `rbd`.
    /// - Returns: nil if a part is empty or there are more than three.
    public init?(parsing text: String) {
        let parts = text.split(separator: "/", omittingEmptySubsequences: false).map(String.init)
        guard !parts.contains("") else { return nil }
        switch parts.count {
        case 1: self.init(pool: Self.defaultPool, image: parts[0])
        case 2: self.init(pool: parts[0], image: parts[1])
        case 3: self.init(pool: parts[0], namespace: parts[1], image: parts[2])
        default: return nil
        }
    }

    /// The pool that `rbd` uses if none is named.
    public static let defaultPool = "rbd"

    public var pool: String {
        get { place.pool }
        set { place.pool = newValue }
    }

    /// Empty for the pool's default namespace.
    public var namespace: String {
        get { place.namespace }
        set { place.namespace = newValue }
    }

    public func snapshot(_ name: String) -> SnapshotSpec { SnapshotSpec(image: self, snapshot: name) }

    public var description: String { "\(place)/\(image)" }
}
