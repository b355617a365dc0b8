// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

internal import ArgumentParser
internal import RBDAPI

/// The options of commands that show something.
struct ShowOptions: ParsableArguments {
    @OptionGroup var connection: ConnectionOptions
    @OptionGroup var format: OutputOptions

    /// Prints one object.
    func show<Item: Presentable & Sendable>(_ read: (APIClient) async throws -> Item) async throws {
        let item = try await connection.withClient(read)
        try Console.output.write(format.output.render(item))
    }

    /// Prints a list.
    func list<Item: Presentable & Sendable>(_ read: (APIClient) async throws -> [Item]) async throws {
        let items = try await connection.withClient(read)
        try Console.output.write(format.output.render(items))
    }
}

/// The options of commands that create or change an object.
struct ChangeOptions: ParsableArguments {
    @OptionGroup var dryRun: DryRunOptions
    @OptionGroup var connection: ConnectionOptions
    @OptionGroup var format: CreatedOutputOptions

    /// Prints the object after the change, or the plan of a dry run.
    func change<Value: Presentable>(_ send: (APIClient, DryRunOptions) async throws -> Change<Value>) async throws {
        let changed = try await connection.withClient { try await send($0, dryRun) }
        try Console.output.write(changed, as: format.output)
    }
}

/// The options of commands that delete objects.
struct DeletionOptions: ParsableArguments {
    @OptionGroup var dryRun: DryRunOptions
    @OptionGroup var connection: ConnectionOptions

    /// Deletes each object and prints its name, or the plan of a dry run. A failure does not stop the others.
    /// - Parameter code: the code of a problem that is not a failure.
    func delete<Name: CustomStringConvertible>(
        _ names: [Name],
        ignoring code: ProblemCode? = nil,
        _ send: (APIClient, Name, DryRunOptions) async throws -> Plan?
    ) async throws {
        try await connection.withClient { client in
            try await ForEach(names).delete(ignoring: code) { try await send(client, $0, dryRun) }
        }
    }
}
