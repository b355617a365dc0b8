// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

import Hummingbird
import RBDAPI

/// `/v1/pools/{pool}/trash`: decode, call, encode.
struct TrashController: Sendable {
    let service: TrashService

    private static let base = "/v1/pools/{pool}/trash"

    var endpoints: [Endpoint] {
        [
            Endpoint(.get, Self.base, .place(.read), query: ["limit", "cursor"], list),
            Endpoint(.delete, Self.base, .place(.purge), query: ["expired"], purgeExpired),
            Endpoint(.get, "\(Self.base)/{id}", .place(.read), get),
            Endpoint(.delete, "\(Self.base)/{id}", .place(.purge), query: ["force", "wait"], purge),
            Endpoint(.post, "\(Self.base)/{id}/restore", .place(.create), body: RestoreImageRequest.self, restore),
        ]
    }

    @Sendable private func list(_ call: Call) async throws -> Answer {
        .json(try await service.list(in: call.place, PageRequest(call.query)))
    }

    @Sendable private func get(_ call: Call) async throws -> Answer {
        .json(try await service.get(call.name("id"), in: call.place))
    }

    @Sendable private func restore(_ call: Call, _ body: RestoreImageRequest) async throws -> Answer {
        let (id, place) = (call.name("id"), call.place)
        return try await Answer(service.restore(id, as: body.name, in: place, isDryRun: call.isDryRun)) { .json($0) }
    }

    @Sendable private func purge(_ call: Call) async throws -> Answer {
        let (id, place, force) = (call.name("id"), call.place, try call.query.flag("force"))
        let outcome = try await service.purge(id, force: force, in: place, isDryRun: call.isDryRun)
        return try await service.operations.answer(outcome, wait: call.wait) { _ in .noContent }
    }

    @Sendable private func purgeExpired(_ call: Call) async throws -> Answer {
        guard try call.query.flag("expired") else {
            let reason = "only expired images can be purged together"
            throw Problem(.confirmationRequired, "expired", reason, remedy: .confirmPurgeOfExpired)
        }
        return try await Answer(service.purgeExpired(in: call.place, isDryRun: call.isDryRun)) {
            .json(PurgeAnswer(operations: $0), status: .accepted)
        }
    }
}
