// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

import Naming
internal import RBDAPI

extension APIClient {
    func operations(pool: String?, state: RBDAPI.Operation.State?, limit: Int?) async throws -> [RBDAPI.Operation] {
        try await list(["v1", "operations"], query: [("pool", pool), ("state", state?.rawValue)], limit: limit)
    }

    /// - Parameter wait: the number of seconds that the service may wait for the operation to end before it answers.
    func operation(_ id: String, wait: Int? = nil) async throws -> RBDAPI.Operation {
        try await transport.get(["v1", "operations", id], query: [("wait", wait.map { "\($0)s" })])
    }

    func cancel(_ id: String, _ dryRun: DryRunOptions) async throws -> Change<RBDAPI.Operation> {
        try await change(.delete, ["v1", "operations", id], dryRun)
    }

    /// Begins work on an image.
    /// - Parameter action: the last parts of the path, such as `flatten`.
    func begin(
        _ action: [String],
        on spec: ImageSpec,
        query: Transport.Query = [],
        body: (any Encodable)? = nil,
        _ dryRun: DryRunOptions
    ) async throws -> Change<RBDAPI.Operation> {
        try await change(.post, spec.path + action, query: spec.query + query, body: body, dryRun)
    }
}
