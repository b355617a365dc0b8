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
    let maximumBodyBytes: Int

    private static let base = "/v1/pools/{pool}/groups"

    var routes: [Route] {
        let group = "\(Self.base)/{group}"
        let snapshot = "\(group)/snapshots/{snapshot}"
        return [
            .get(Self.base, .place(.read), list),
            .post(Self.base, .place(.create), create),
            .get(group, .group(.read), get),
            .patch(group, .group(.modify), rename),
            .delete(group, .group(.delete), delete),
            .get("\(group)/images", .group(.read), listImages),
            .put("\(group)/images/{image}", .member(.modify), addImage),
            .delete("\(group)/images/{image}", .member(.modify), removeImage),
            .get("\(group)/snapshots", .group(.read), listSnapshots),
            .post("\(group)/snapshots", .group(.modify), createSnapshot),
            .get(snapshot, .group(.read), getSnapshot),
            .delete(snapshot, .group(.delete), deleteSnapshot),
            .post("\(snapshot)/rollback", .group(.modify), rollBack),
        ]
    }

    // MARK: Groups

    @Sendable private func list(_ request: Request, _ context: ServiceRequestContext) async throws -> Response {
        let query = try Query(request, known: Query.page.union(["namespace"]))
        return .json(
            try await groups.list(
                in: try context.imagePlace(query),
                prefix: query["prefix"] ?? "",
                after: try query.cursor(),
                limit: try query.limit()
            )
        )
    }

    @Sendable private func create(_ request: Request, _ context: ServiceRequestContext) async throws -> Response {
        let query = try Query(request, known: Self.changing)
        let place = try context.imagePlace(query)
        let body = try await request.json(CreateGroupRequest.self, limit: maximumBodyBytes)
        let outcome = try await groups.create(body.name, in: place, dryRun: try query.flag("dryRun"))
        return Response(outcome) { group in
            .json(
                group,
                status: .created,
                headers: [.location: Self.location(GroupSpec(place, name: group.name))]
            )
        }
    }

    @Sendable private func get(_ request: Request, _ context: ServiceRequestContext) async throws -> Response {
        .json(try await groups.get(try context.group(Query(request, known: ["namespace"]))))
    }

    @Sendable private func rename(_ request: Request, _ context: ServiceRequestContext) async throws -> Response {
        let query = try Query(request, known: Self.changing)
        let group = try context.group(query)
        let body = try await request.json(UpdateGroupRequest.self, limit: maximumBodyBytes)
        return Response(try await groups.rename(group, to: body.name, dryRun: try query.flag("dryRun"))) { .json($0) }
    }

    @Sendable private func delete(_ request: Request, _ context: ServiceRequestContext) async throws -> Response {
        let query = try Query(request, known: Self.changing)
        let outcome = try await groups.delete(try context.group(query), dryRun: try query.flag("dryRun"))
        return Response(outcome) { .noContent }
    }

    // MARK: Images of a group

    @Sendable private func listImages(_ request: Request, _ context: ServiceRequestContext) async throws -> Response {
        let query = try Query(request, known: Self.list)
        return .json(
            try await groups.listImages(
                try context.group(query),
                after: try query.cursor(),
                limit: try query.limit()
            )
        )
    }

    @Sendable private func addImage(_ request: Request, _ context: ServiceRequestContext) async throws -> Response {
        let query = try Query(request, known: Self.changing.union(["imagePool"]))
        let group = try context.group(query)
        let outcome = try await groups.add(
            try context.pathParameter("image"),
            ofPool: Access.current.substitutes["imagePool"] ?? query["imagePool"] ?? group.pool,
            to: group,
            dryRun: try query.flag("dryRun")
        )
        return Response(outcome) { added in .json(added.image, status: added.isNew ? .created : .ok) }
    }

    @Sendable private func removeImage(_ request: Request, _ context: ServiceRequestContext) async throws -> Response {
        let query = try Query(request, known: Self.changing.union(["imagePool"]))
        let group = try context.group(query)
        let outcome = try await groups.remove(
            try context.pathParameter("image"),
            ofPool: Access.current.substitutes["imagePool"] ?? query["imagePool"] ?? group.pool,
            from: group,
            dryRun: try query.flag("dryRun")
        )
        return Response(outcome) { .noContent }
    }

    // MARK: Snapshots of a group

    @Sendable private func listSnapshots(_ request: Request, _ context: ServiceRequestContext) async throws -> Response
    {
        let query = try Query(request, known: Self.list)
        return .json(
            try await snapshots.list(try context.group(query), after: try query.cursor(), limit: try query.limit())
        )
    }

    @Sendable private func createSnapshot(_ request: Request, _ context: ServiceRequestContext) async throws -> Response
    {
        let query = try Query(request, known: Self.changing)
        let group = try context.group(query)
        let body = try await request.json(CreateGroupSnapshotRequest.self, limit: maximumBodyBytes)
        let outcome = try await snapshots.create(body.name, of: group, dryRun: try query.flag("dryRun"))
        return Response(outcome) { snapshot in
            .json(
                snapshot,
                status: .created,
                headers: [.location: Self.location(group, "/snapshots/\(PercentEncoding.encode(snapshot.name))")]
            )
        }
    }

    @Sendable private func getSnapshot(_ request: Request, _ context: ServiceRequestContext) async throws -> Response {
        let group = try context.group(Query(request, known: ["namespace"]))
        return .json(try await snapshots.get(try context.pathParameter("snapshot"), of: group))
    }

    @Sendable private func deleteSnapshot(_ request: Request, _ context: ServiceRequestContext) async throws -> Response
    {
        let query = try Query(request, known: Self.changing)
        let outcome = try await snapshots.delete(
            try context.pathParameter("snapshot"),
            of: try context.group(query),
            dryRun: try query.flag("dryRun")
        )
        return Response(outcome) { .noContent }
    }

    @Sendable private func rollBack(_ request: Request, _ context: ServiceRequestContext) async throws -> Response {
        let query = try Query(request, known: Self.changing.union(["confirm", "wait"]))
        let wait = try query.duration("wait")
        let outcome = try await snapshots.rollBack(
            try context.pathParameter("snapshot"),
            of: try context.group(query),
            confirmation: query["confirm"],
            dryRun: try query.flag("dryRun")
        )
        switch outcome {
        case .planned(let plan): return .json(plan)
        case .done(let operation):
            return try await snapshots.operations.answer(operation, wait: wait) { .json($0) }
        }
    }

    private static let changing: Set<String> = ["namespace", "dryRun"]
    private static let list: Set<String> = ["namespace", "limit", "cursor"]

    private static func location(_ group: GroupSpec, _ rest: String = "") -> String {
        var location = "/v1/pools/\(PercentEncoding.encode(group.pool))"
        location += "/groups/\(PercentEncoding.encode(group.name))\(rest)"
        let namespace = group.namespace
        return namespace.isEmpty ? location : "\(location)?namespace=\(PercentEncoding.encode(namespace))"
    }
}

extension Response {
    /// The plan of a dry run, or the response to a change.
    init<Value>(_ attempt: Attempt<Value>, _ done: (Value) -> Response) {
        self =
            switch attempt {
            case .done(let value): done(value)
            case .planned(let plan): .json(plan)
            }
    }
}

extension ServiceRequestContext {
    /// - Throws: `Problem` with `invalid-parameter`.
    fileprivate func group(_ query: Query) throws(Problem) -> GroupSpec {
        GroupSpec(try imagePlace(query), name: try pathParameter("group"))
    }
}
