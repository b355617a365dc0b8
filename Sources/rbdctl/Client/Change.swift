// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

internal import RBDAPI

/// What a change came to: what it has made, or the plan that was asked for instead.
enum Change<Value: Decodable & Sendable>: Sendable {
    case done(Value)
    case planned(Plan)
}

extension APIClient {
    /// Sends a change with a body, or with `--dry-run` asks what it would come to.
    func change<Value: Decodable & Sendable>(
        _ method: Transport.Method,
        _ path: [String],
        query: Transport.Query,
        body: some Encodable,
        _ dryRun: DryRunOptions
    ) async throws -> Change<Value> {
        dryRun.dryRun
            ? .planned(try await transport.send(method, path, query: query + [dryRun.query], body: body))
            : .done(try await transport.send(method, path, query: query, body: body))
    }

    /// The same without a body.
    func change<Value: Decodable & Sendable>(
        _ method: Transport.Method,
        _ path: [String],
        query: Transport.Query,
        _ dryRun: DryRunOptions
    ) async throws -> Change<Value> {
        dryRun.dryRun
            ? .planned(try await transport.send(method, path, query: query + [dryRun.query]))
            : .done(try await transport.send(method, path, query: query))
    }

    /// - Returns: nil where it is deleted.
    func delete(_ path: [String], query: Transport.Query, _ dryRun: DryRunOptions) async throws -> Plan? {
        if dryRun.dryRun { return try await transport.send(.delete, path, query: query + [dryRun.query]) }
        try await transport.delete(path, query: query)
        return nil
    }
}

extension Console {
    /// Shows a plan. One that says that the change would be refused ends the command as the refusal would.
    func write(_ plan: Plan, as output: OutputFormat) throws {
        // A name is what scripts go on with; a plan has none.
        try write((output == .name ? .table : output).render(plan))
        guard plan.allowed else { throw ReportedFailures(status: .conflict) }
    }

    func write<Value: Presentable>(_ change: Change<Value>, as output: OutputFormat) throws {
        switch change {
        case .done(let value): try write(output.render(value))
        case .planned(let plan): try write(plan, as: output)
        }
    }
}
