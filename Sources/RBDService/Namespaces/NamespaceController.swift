// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

import Hummingbird
import Naming
import RBDAPI

/// `/v1/pools/{pool}/namespaces`: decode, call, encode.
struct NamespaceController: Sendable {
    let service: NamespaceService

    private static let base = "/v1/pools/{pool}/namespaces"

    var endpoints: [Endpoint] {
        [
            Endpoint(.get, Self.base, .namespaces(.read), query: Query.page, list),
            Endpoint(.post, Self.base, .namespaces(.admin), body: CreateNamespaceRequest.self, create),
            Endpoint(.get, "\(Self.base)/{namespace}", .namespace(.read), get),
            Endpoint(.delete, "\(Self.base)/{namespace}", .namespace(.admin), delete),
        ]
    }

    @Sendable private func list(_ call: Call) async throws -> Answer {
        .json(try await service.list(in: call.name("pool"), PageRequest(call.query)))
    }

    @Sendable private func create(_ call: Call, _ body: CreateNamespaceRequest) async throws -> Answer {
        let pool = call.name("pool")
        return try await Answer(service.create(body.name, in: pool, isDryRun: call.isDryRun)) {
            .created($0, at: Location.namespace(Place(pool: pool, namespace: $0.name)))
        }
    }

    @Sendable private func get(_ call: Call) async throws -> Answer {
        .json(try await service.get(call.place.namespace, in: call.place.pool))
    }

    @Sendable private func delete(_ call: Call) async throws -> Answer {
        try await Answer(service.delete(call.place.namespace, in: call.place.pool, isDryRun: call.isDryRun)) {
            .noContent
        }
    }
}
