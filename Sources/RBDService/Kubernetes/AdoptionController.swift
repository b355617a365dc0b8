// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

import Hummingbird
import Naming
import RBDAPI

/// `/v1/pools/{pool}/images/{image}/volume`: decode, call, encode.
struct AdoptionController: Sendable {
    let service: AdoptionService

    private static let path = "/v1/pools/{pool}/images/{image}/volume"

    var endpoints: [Endpoint] {
        [
            Endpoint(.get, Self.path, .image(.read), query: AdoptImageRequest.parameters, get),
            Endpoint(.put, Self.path, .image(.modify), body: AdoptImageRequest.self, adopt),
            Endpoint(.delete, Self.path, .image(.modify), release),
        ]
    }

    @Sendable private func get(_ call: Call) async throws -> Answer {
        .json(try await service.volume(of: call.image, call.query))
    }

    @Sendable private func adopt(_ call: Call, _ body: AdoptImageRequest) async throws -> Answer {
        let outcome = try await service.adopt(call.image, body, isDryRun: call.isDryRun)
        return await Answer(outcome) { adopted in
            adopted.isNew
                ? .created(adopted.volume, at: Location.volume(of: call.image)) : .json(adopted.volume)
        }
    }

    @Sendable private func release(_ call: Call) async throws -> Answer {
        try await Answer(service.release(call.image, isDryRun: call.isDryRun)) { .noContent }
    }
}
