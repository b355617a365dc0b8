// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

import Hummingbird
import RBDAPI

/// `/v1/pools/{pool}/images/{image}/locks` and `/watchers`: decode, call, encode.
struct ImageClientController: Sendable {
    let service: ImageClientService

    private static let image = "/v1/pools/{pool}/images/{image}"

    var endpoints: [Endpoint] {
        [
            Endpoint(.get, "\(Self.image)/locks", .image(.read), locks),
            Endpoint(.delete, "\(Self.image)/locks/{client}", .image(.admin), query: ["cookie", "confirm"], breakLock),
            Endpoint(.get, "\(Self.image)/watchers", .image(.read), watchers),
            Endpoint(.delete, "\(Self.image)/watchers/{client}", .image(.admin), query: ["confirm"], evict),
        ]
    }

    @Sendable private func locks(_ call: Call) async throws -> Answer {
        .json(try await service.locks(of: call.image))
    }

    @Sendable private func watchers(_ call: Call) async throws -> Answer {
        .json(try await service.watchers(of: call.image))
    }

    @Sendable private func breakLock(_ call: Call) async throws -> Answer {
        let outcome = try await service.breakLock(
            of: call.image,
            heldBy: call.name("client"),
            cookie: call.query["cookie"],
            confirmation: call.confirmation,
            isDryRun: call.isDryRun
        )
        return await Answer(outcome) { .noContent }
    }

    @Sendable private func evict(_ call: Call) async throws -> Answer {
        let outcome = try await service.evict(
            call.name("client"),
            from: call.image,
            confirmation: call.confirmation,
            isDryRun: call.isDryRun
        )
        return await Answer(outcome) { .noContent }
    }
}
