// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

import Naming
internal import RBDAPI

extension APIClient {
    func snapshots(of image: ImageSpec, withUsage: Bool) async throws -> [Snapshot] {
        let query = image.query + [("fields", withUsage ? "usage" : nil)]
        let list: ImageSnapshots = try await transport.get(image.path + ["snapshots"], query: query)
        return list.items
    }

    func snapshot(_ spec: SnapshotSpec, withUsage: Bool) async throws -> Snapshot {
        try await transport.get(spec.path, query: spec.image.query + [("fields", withUsage ? "usage" : nil)])
    }

    func createSnapshot(_ spec: SnapshotSpec, _ dryRun: DryRunOptions) async throws -> Change<Snapshot> {
        let body = CreateSnapshotRequest(name: spec.snapshot)
        return try await change(.post, spec.image.path + ["snapshots"], query: spec.image.query, body: body, dryRun)
    }

    func changeSnapshot(
        _ spec: SnapshotSpec,
        _ changes: SnapshotChanges,
        _ dryRun: DryRunOptions
    ) async throws -> Change<Snapshot> {
        try await change(.patch, spec.path, query: spec.image.query, body: changes, dryRun)
    }

    func deleteSnapshot(_ spec: SnapshotSpec, evenIfCloned: Bool, _ dryRun: DryRunOptions) async throws -> Plan? {
        let query = spec.image.query + [("evenIfCloned", evenIfCloned ? "true" : nil)]
        return try await delete(spec.path, query: query, dryRun)
    }

    func snapshotLimit(of image: ImageSpec) async throws -> SnapshotLimit {
        try await transport.get(image.path + ["snapshot-limit"], query: image.query)
    }

    func setSnapshotLimit(
        of image: ImageSpec,
        to limit: UInt64?,
        _ dryRun: DryRunOptions
    ) async throws -> Change<SnapshotLimit> {
        let body = SetSnapshotLimitRequest(limit: limit)
        return try await change(.put, image.path + ["snapshot-limit"], query: image.query, body: body, dryRun)
    }

    func children(of image: ImageSpec, snapshot: String?) async throws -> [ImageChild] {
        let query = image.query + [("snapshot", snapshot)]
        let children: ImageChildren = try await transport.get(image.path + ["children"], query: query)
        return children.items
    }

    func ancestors(of image: ImageSpec) async throws -> [ParentImage] {
        let ancestry: ImageAncestry = try await transport.get(image.path + ["ancestors"], query: image.query)
        return ancestry.items
    }

    func namespaces(in pool: String) async throws -> [Namespace] {
        try await list(["v1", "pools", pool, "namespaces"])
    }

    func namespace(_ place: Place) async throws -> Namespace {
        try await transport.get(place.path)
    }

    func createNamespace(_ place: Place, _ dryRun: DryRunOptions) async throws -> Change<Namespace> {
        let body = CreateNamespaceRequest(name: place.namespace)
        return try await change(.post, ["v1", "pools", place.pool, "namespaces"], body: body, dryRun)
    }

    func deleteNamespace(_ place: Place, _ dryRun: DryRunOptions) async throws -> Plan? {
        try await delete(place.path, dryRun)
    }
}

extension SnapshotSpec {
    fileprivate var path: [String] { image.path + ["snapshots", snapshot] }
}

extension Place {
    fileprivate var path: [String] { ["v1", "pools", pool, "namespaces", namespace] }
}
