// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

import Naming
internal import RBDAPI

extension APIClient {
    func groups(in place: Place, prefix: String?) async throws -> [Group] {
        try await list(
            ["v1", "pools", place.pool, "groups"],
            query: place.query + [("prefix", prefix?.nonEmpty)]
        )
    }

    func group(_ group: GroupSpec) async throws -> Group {
        try await transport.get(group.path, query: group.query)
    }

    func createGroup(_ group: GroupSpec, _ dryRun: DryRunOptions) async throws -> Change<Group> {
        try await change(
            .post,
            ["v1", "pools", group.pool, "groups"],
            query: group.query,
            body: CreateGroupRequest(name: group.name),
            dryRun
        )
    }

    func renameGroup(_ group: GroupSpec, to name: String, _ dryRun: DryRunOptions) async throws -> Change<Group> {
        try await change(.patch, group.path, query: group.query, body: UpdateGroupRequest(name: name), dryRun)
    }

    func deleteGroup(_ group: GroupSpec, _ dryRun: DryRunOptions) async throws -> Plan? {
        try await delete(group.path, query: group.query, dryRun)
    }

    func images(of group: GroupSpec) async throws -> [GroupImage] {
        try await list(group.path + ["images"], query: group.query)
    }

    func addImage(
        _ image: ImageSpec,
        to group: GroupSpec,
        _ dryRun: DryRunOptions
    ) async throws -> Change<GroupImage> {
        try await change(
            .put,
            group.path + ["images", image.image],
            query: group.query + [("imagePool", image.pool)],
            dryRun
        )
    }

    func removeImage(_ image: ImageSpec, from group: GroupSpec, _ dryRun: DryRunOptions) async throws -> Plan? {
        try await delete(
            group.path + ["images", image.image],
            query: group.query + [("imagePool", image.pool)],
            dryRun
        )
    }

    func snapshots(of group: GroupSpec) async throws -> [GroupSnapshot] {
        try await list(group.path + ["snapshots"], query: group.query)
    }

    func createSnapshot(_ spec: GroupSnapshotSpec, _ dryRun: DryRunOptions) async throws -> Change<GroupSnapshot> {
        try await change(
            .post,
            spec.group.path + ["snapshots"],
            query: spec.group.query,
            body: CreateGroupSnapshotRequest(name: spec.snapshot),
            dryRun
        )
    }

    func deleteSnapshot(_ spec: GroupSnapshotSpec, _ dryRun: DryRunOptions) async throws -> Plan? {
        try await delete(spec.path, query: spec.group.query, dryRun)
    }

    /// The call itself confirms the request: its caller has already asked the user.
    func rollBack(to spec: GroupSnapshotSpec, _ dryRun: DryRunOptions) async throws -> Change<RBDAPI.Operation> {
        try await change(
            .post,
            spec.path + ["rollback"],
            query: spec.group.query + [("confirm", dryRun.dryRun ? nil : spec.snapshot)],
            dryRun
        )
    }
}

extension GroupSpec {
    var path: [String] { ["v1", "pools", pool, "groups", name] }
    var query: Transport.Query { place.query }
}

extension GroupSnapshotSpec {
    var path: [String] { group.path + ["snapshots", snapshot] }
}
