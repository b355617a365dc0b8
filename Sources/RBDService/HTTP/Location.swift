// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

import Naming
import RBDAPI

/// The paths of objects, for the header `Location`.
enum Location {
    static func pool(_ name: String) -> String { path("pools", name) }

    /// - Parameter place: must not be a default namespace, which has no path.
    static func namespace(_ place: Place) -> String { path("pools", place.pool, "namespaces", place.namespace) }

    static func image(_ image: ImageSpec) -> String { path(in: image.place, "images", image.image) }

    /// An image as a volume of Kubernetes.
    static func volume(of image: ImageSpec) -> String { path(in: image.place, "images", image.image, "volume") }

    static func snapshot(_ snapshot: SnapshotSpec) -> String {
        path(in: snapshot.image.place, "images", snapshot.image.image, "snapshots", snapshot.snapshot)
    }

    static func group(_ group: GroupSpec) -> String { path(in: group.place, "groups", group.name) }

    static func snapshot(_ snapshot: GroupSnapshotSpec) -> String {
        path(in: snapshot.group.place, "groups", snapshot.group.name, "snapshots", snapshot.snapshot)
    }

    static func operation(_ id: String) -> String { path("operations", id) }

    private static func path(in place: Place, _ parts: String...) -> String {
        let path = path(["pools", place.pool] + parts)
        return place.namespace.isEmpty ? path : "\(path)?namespace=\(PercentEncoding.encode(place.namespace))"
    }

    private static func path(_ parts: String...) -> String { path(parts) }

    private static func path(_ parts: [String]) -> String {
        parts.map(PercentEncoding.encode).reduce("/v1") { "\($0)/\($1)" }
    }
}
