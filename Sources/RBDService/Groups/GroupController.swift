// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

import HTTPTypes
import Hummingbird
import Naming
import RBDAPI

/// `/v1/pools/{pool}/groups`: decode, call, encode.
struct GroupController: Sendable {
    let groups: GroupService
    let snapshots: GroupSnapshotService

    private static let base = "/v1/pools/{pool}/groups"

    var endpoints: [Endpoint] {
        let group = "\(Self.base)/{group}"
        let snapshot = "\(group)/snapshots/{snapshot}"
        return [
            Endpoint(.get, Self.base, .place(.read), query: Query.page, list),
            Endpoint(.post, Self.base, .place(.create), body: CreateGroupRequest.self, create),
            Endpoint(.get, group, .group(.read), get),
            Endpoint(.patch, group, .group(.modify), body: UpdateGroupRequest.self, rename),
            Endpoint(.delete, group, .group(.delete), delete),
            Endpoint(.get, "\(group)/images", .group(.read), query: Self.list, listImages),
            Endpoint(.put, "\(group)/images/{image}", .member(.modify), addImage),
            Endpoint(.delete, "\(group)/images/{image}", .member(.modify), removeImage),
            Endpoint(.get, "\(group)/snapshots", .group(.read), query: Self.list, listSnapshots),
            Endpoint(
                .post,
                "\(group)/snapshots",
                .group(.modify),
                body: CreateGroupSnapshotRequest.self,
                createSnapshot
            ),
            Endpoint(.get, snapshot, .group(.read), getSnapshot),
            Endpoint(.delete, snapshot, .group(.delete), deleteSnapshot),
            Endpoint(.post, "\(snapshot)/rollback", .group(.modify), query: ["confirm", "wait"], rollBack),
        ]
    }

    // MARK: Groups

    @Sendable private func list(_ call: Call) async throws -> Answer {
        .json(try await groups.list(in: call.place, PageRequest(call.query)))
    }

    @Sendable private func create(_ call: Call, _ body: CreateGroupRequest) async throws -> Answer {
        try await Answer(groups.create(body.name, in: call.place, isDryRun: call.isDryRun)) {
            .created($0, at: Location.group(call.place.group($0.name)))
        }
    }

    @Sendable private func get(_ call: Call) async throws -> Answer {
        .json(try await groups.get(call.group))
    }

    @Sendable private func rename(_ call: Call, _ body: UpdateGroupRequest) async throws -> Answer {
        try await Answer(groups.rename(call.group, to: body.name, isDryRun: call.isDryRun)) { .json($0) }
    }

    @Sendable private func delete(_ call: Call) async throws -> Answer {
        try await Answer(groups.delete(call.group, isDryRun: call.isDryRun)) { .noContent }
    }

    // MARK: Images of a group

    @Sendable private func listImages(_ call: Call) async throws -> Answer {
        .json(try await groups.listImages(call.group, PageRequest(call.query)))
    }

    @Sendable private func addImage(_ call: Call) async throws -> Answer {
        let outcome = try await groups.add(
            call.name("image"),
            ofPool: call.names["imagePool"] ?? call.place.pool,
            to: call.group,
            isDryRun: call.isDryRun
        )
        return await Answer(outcome) { added in .json(added.image, status: added.isNew ? .created : .ok) }
    }

    @Sendable private func removeImage(_ call: Call) async throws -> Answer {
        let outcome = try await groups.remove(
            call.name("image"),
            ofPool: call.names["imagePool"] ?? call.place.pool,
            from: call.group,
            isDryRun: call.isDryRun
        )
        return await Answer(outcome) { .noContent }
    }

    // MARK: Snapshots of a group

    @Sendable private func listSnapshots(_ call: Call) async throws -> Answer {
        .json(try await snapshots.list(call.group, PageRequest(call.query)))
    }

    @Sendable private func createSnapshot(_ call: Call, _ body: CreateGroupSnapshotRequest) async throws -> Answer {
        try await Answer(snapshots.create(body.name, of: call.group, isDryRun: call.isDryRun)) {
            .created($0, at: Location.snapshot(call.group.snapshot($0.name)))
        }
    }

    @Sendable private func getSnapshot(_ call: Call) async throws -> Answer {
        .json(try await snapshots.get(call.name("snapshot"), of: call.group))
    }

    @Sendable private func deleteSnapshot(_ call: Call) async throws -> Answer {
        try await Answer(snapshots.delete(call.name("snapshot"), of: call.group, isDryRun: call.isDryRun)) {
            .noContent
        }
    }

    @Sendable private func rollBack(_ call: Call) async throws -> Answer {
        let outcome = try await snapshots.rollBack(
            call.name("snapshot"),
            of: call.group,
            confirmation: call.confirmation,
            isDryRun: call.isDryRun
        )
        return try await snapshots.operations.answer(outcome, wait: call.wait) { .json($0) }
    }

    private static let list: Set<String> = ["limit", "cursor"]
}
