// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

internal import RBDAPI

/// The result of a change: the new object, or the plan of a dry run.
enum Change<Value: Decodable & Sendable>: Sendable {
    case done(Value)
    case planned(Plan)
}

extension APIClient {
    /// Sends a change, or with `--dry-run` asks for its plan.
    /// - Parameter dryRun: nil for a command without that option.
    func change<Value: Decodable & Sendable>(
        _ method: Transport.Method,
        _ path: [String],
        query: Transport.Query = [],
        body: (any Encodable)? = nil,
        _ dryRun: DryRunOptions?
    ) async throws -> Change<Value> {
        guard let dryRun, dryRun.dryRun else {
            return .done(try await transport.send(method, path, query: query, body: body))
        }
        return .planned(try await transport.send(method, path, query: query + [dryRun.query], body: body))
    }

    /// - Returns: nil if the object is deleted.
    func delete(_ path: [String], query: Transport.Query = [], _ dryRun: DryRunOptions) async throws -> Plan? {
        if dryRun.dryRun { return try await transport.send(.delete, path, query: query + [dryRun.query]) }
        try await transport.delete(path, query: query)
        return nil
    }
}

extension Console {
    /// Prints a plan. If the change would be refused, the command ends with the status of the refusal.
    func write(_ plan: Plan, as output: OutputFormat) throws {
        // Scripts continue with a name; a plan has none.
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
