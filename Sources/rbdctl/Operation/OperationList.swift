// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

internal import ArgumentParser
internal import RBDAPI

struct OperationList: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "list",
        abstract: "List operations, newest first.",
        aliases: ["ls"]
    )

    @Option(help: ArgumentHelp("Only operations of this pool.", valueName: "pool"), transform: Read.poolName)
    var pool: String?

    @Option(
        help: ArgumentHelp("Only operations in this state: \(states).", valueName: "state"),
        transform: Self.state
    )
    var state: RBDAPI.Operation.State?

    @Option(help: ArgumentHelp("The maximum number of operations.", valueName: "n"))
    var limit: Int?

    @OptionGroup var connection: ConnectionOptions
    @OptionGroup var format: OutputOptions

    func validate() throws {
        guard limit.map({ $0 >= 1 }) ?? true else { throw ValidationError("--limit must be 1 or more") }
    }

    func run() async throws {
        let operations = try await connection.withClient { client in
            try await client.operations(pool: pool, state: state, limit: limit)
        }
        try Console.output.write(format.output.render(operations))
    }

    private static let states = RBDAPI.Operation.State.allCases.map(\.rawValue).joined(separator: ", ")

    @Sendable private static func state(_ text: String) throws -> RBDAPI.Operation.State {
        guard let state = RBDAPI.Operation.State(rawValue: text) else {
            throw ValidationError("the state must be one of \(states)")
        }
        return state
    }
}
