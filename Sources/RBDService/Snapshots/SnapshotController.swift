// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

import Hummingbird
import Naming
import RBDAPI

/// `/v1/pools/{pool}/images/{image}/snapshots` and what belongs to it: decode, call, encode.
struct SnapshotController: Sendable {
    let service: SnapshotService

    private static let image = "/v1/pools/{pool}/images/{image}"
    private static let snapshot = "\(image)/snapshots/{snapshot}"

    var endpoints: [Endpoint] {
        [
            Endpoint(.get, "\(Self.image)/snapshots", .image(.read), query: ["fields"], list),
            Endpoint(.post, "\(Self.image)/snapshots", .image(.modify), body: CreateSnapshotRequest.self, create),
            Endpoint(.get, Self.snapshot, .image(.read), query: ["fields"], get),
            Endpoint(.patch, Self.snapshot, .image(.modify), body: SnapshotChanges.self, change),
            Endpoint(.delete, Self.snapshot, .image(.delete), query: ["evenIfCloned"], delete),
            Endpoint(.post, "\(Self.snapshot)/rollback", .image(.modify), query: ["confirm", "wait"], rollBack),
            Endpoint(.get, "\(Self.image)/snapshot-limit", .image(.read), getLimit),
            Endpoint(
                .put,
                "\(Self.image)/snapshot-limit",
                .image(.modify),
                body: SetSnapshotLimitRequest.self,
                setLimit
            ),
            Endpoint(.get, "\(Self.image)/children", .image(.read), query: ["snapshot"], children),
            Endpoint(.get, "\(Self.image)/ancestors", .image(.read), ancestors),
        ]
    }

    @Sendable private func list(_ call: Call) async throws -> Answer {
        let withUsage = try call.query.fields(known: ["usage"]).contains("usage")
        return .json(try await service.list(call.image, withUsage: withUsage))
    }

    @Sendable private func create(_ call: Call, _ body: CreateSnapshotRequest) async throws -> Answer {
        try await Answer(service.create(body.name, of: call.image, isDryRun: call.isDryRun)) {
            .created($0, at: Location.snapshot(call.image.snapshot($0.name)))
        }
    }

    @Sendable private func get(_ call: Call) async throws -> Answer {
        let withUsage = try call.query.fields(known: ["usage"]).contains("usage")
        return .json(try await service.get(call.name("snapshot"), of: call.image, withUsage: withUsage))
    }

    @Sendable private func change(_ call: Call, _ changes: SnapshotChanges) async throws -> Answer {
        let name = call.name("snapshot")
        return try await Answer(service.change(name, changes, of: call.image, isDryRun: call.isDryRun)) { .json($0) }
    }

    @Sendable private func delete(_ call: Call) async throws -> Answer {
        let outcome = try await service.delete(
            call.name("snapshot"),
            of: call.image,
            evenIfCloned: try call.query.flag("evenIfCloned"),
            isDryRun: call.isDryRun
        )
        return await Answer(outcome) { .noContent }
    }

    @Sendable private func rollBack(_ call: Call) async throws -> Answer {
        let outcome = try await service.rollBack(
            call.image,
            to: call.name("snapshot"),
            confirmation: call.confirmation,
            isDryRun: call.isDryRun
        )
        return try await service.work.operations.answer(outcome, wait: call.wait) { .json($0) }
    }

    @Sendable private func getLimit(_ call: Call) async throws -> Answer {
        .json(try await service.limit(of: call.image))
    }

    @Sendable private func setLimit(_ call: Call, _ body: SetSnapshotLimitRequest) async throws -> Answer {
        try await Answer(service.setLimit(of: call.image, to: body.limit, isDryRun: call.isDryRun)) { .json($0) }
    }

    @Sendable private func children(_ call: Call) async throws -> Answer {
        .json(try await service.children(of: call.image, snapshot: call.query["snapshot"]))
    }

    @Sendable private func ancestors(_ call: Call) async throws -> Answer {
        .json(try await service.ancestors(of: call.image))
    }
}
