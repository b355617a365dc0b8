// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

import Naming
internal import RBDAPI

extension APIClient {
    func groups(in place: Place, prefix: String?) async throws -> [Group] {
        try await list(place.groupsPath, query: place.query + [("prefix", prefix?.nonEmpty)])
    }

    func group(_ group: GroupSpec) async throws -> Group {
        try await transport.get(group.path, query: group.query)
    }

    func createGroup(_ group: GroupSpec, _ dryRun: DryRunOptions) async throws -> Change<Group> {
        let body = CreateGroupRequest(name: group.name)
        return try await change(.post, group.place.groupsPath, query: group.query, body: body, dryRun)
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
        try await change(.put, group.memberPath(image), query: group.memberQuery(image), dryRun)
    }

    func removeImage(_ image: ImageSpec, from group: GroupSpec, _ dryRun: DryRunOptions) async throws -> Plan? {
        try await delete(group.memberPath(image), query: group.memberQuery(image), dryRun)
    }

    func snapshots(of group: GroupSpec) async throws -> [GroupSnapshot] {
        try await list(group.path + ["snapshots"], query: group.query)
    }

    func createSnapshot(_ spec: GroupSnapshotSpec, _ dryRun: DryRunOptions) async throws -> Change<GroupSnapshot> {
        let body = CreateGroupSnapshotRequest(name: spec.snapshot)
        return try await change(.post, spec.group.path + ["snapshots"], query: spec.group.query, body: body, dryRun)
    }

    func deleteSnapshot(_ spec: GroupSnapshotSpec, _ dryRun: DryRunOptions) async throws -> Plan? {
        try await delete(spec.path, query: spec.group.query, dryRun)
    }

    /// The call itself confirms the request: its caller has already asked the user.
    func rollBack(to spec: GroupSnapshotSpec, _ dryRun: DryRunOptions) async throws -> Change<RBDAPI.Operation> {
        let query = spec.group.query + [("confirm", dryRun.dryRun ? nil : spec.snapshot)]
        return try await change(.post, spec.path + ["rollback"], query: query, dryRun)
    }
}

extension GroupSpec {
    var path: [String] { place.groupsPath + [name] }
    var query: Transport.Query { place.query }

    /// The path of an image as a member of the group.
    fileprivate func memberPath(_ image: ImageSpec) -> [String] { path + ["images", image.image] }
    fileprivate func memberQuery(_ image: ImageSpec) -> Transport.Query { query + [("imagePool", image.pool)] }
}

extension Place {
    fileprivate var groupsPath: [String] { ["v1", "pools", pool, "groups"] }
}

extension GroupSnapshotSpec {
    var path: [String] { group.path + ["snapshots", snapshot] }
}
