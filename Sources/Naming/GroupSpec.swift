// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

/// A group of images, written like an image: `pool/group` or `pool/namespace/group`.
public struct GroupSpec: Hashable, Sendable, CustomStringConvertible {
    public var place: Place
    public var name: String

    public init(_ place: Place, name: String) {
        self.place = place
        self.name = name
    }

    /// Reads `pool/group`, `pool/namespace/group`, or only `group`, which is then in the pool `rbd`.
    /// - Returns: nil if a part is empty or there are more than three.
    public init?(parsing text: String) {
        guard let spec = ImageSpec(parsing: text) else { return nil }
        self.init(spec.place, name: spec.image)
    }

    public var pool: String { place.pool }
    /// Empty for the pool's default namespace.
    public var namespace: String { place.namespace }

    public func snapshot(_ name: String) -> GroupSnapshotSpec { GroupSnapshotSpec(group: self, snapshot: name) }

    public var description: String { "\(place)/\(name)" }
}

/// A snapshot of a group: `pool/group@snapshot` or `pool/namespace/group@snapshot`.
public struct GroupSnapshotSpec: Hashable, Sendable, CustomStringConvertible {
    public var group: GroupSpec
    public var snapshot: String

    public init(group: GroupSpec, snapshot: String) {
        self.group = group
        self.snapshot = snapshot
    }

    /// Reads a group's spec, `@` and a name.
    /// - Returns: nil if one of them is missing.
    public init?(parsing text: String) {
        guard let (group, snapshot) = SpecText.parts(of: text), let group = GroupSpec(parsing: group) else {
            return nil
        }
        self.init(group: group, snapshot: snapshot)
    }

    public var description: String { "\(group)@\(snapshot)" }
}
