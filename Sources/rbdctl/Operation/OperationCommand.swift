// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

internal import ArgumentParser
internal import RBDAPI

struct OperationCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "operation",
        abstract: "Work that takes longer than a request.",
        subcommands: [OperationList.self, OperationGet.self, OperationCancel.self]
    )
}

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

    @OptionGroup var options: ShowOptions

    func validate() throws {
        guard limit.map({ $0 >= 1 }) ?? true else { throw ValidationError("--limit must be 1 or more") }
    }

    func run() async throws {
        try await options.list { try await $0.operations(pool: pool, state: state, limit: limit) }
    }

    private static let states = RBDAPI.Operation.State.allCases.map(\.rawValue).joined(separator: ", ")

    @Sendable private static func state(_ text: String) throws -> RBDAPI.Operation.State {
        try Read.checked(RBDAPI.Operation.State(rawValue: text), "the state must be one of \(states)")
    }
}

struct OperationGet: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "get",
        abstract: "Show an operation.",
        discussion: "With --watch it shows the progress until the operation ends, and fails if the operation fails."
    )

    @Argument(help: "The operation's id.")
    var id: String

    @Flag(name: .shortAndLong, help: "Watch until the operation has ended.")
    var watch = false

    @OptionGroup var options: ShowOptions

    func run() async throws {
        try await options.show { client in
            let operation = try await client.operation(id)
            return watch ? try await OperationFollower(client: client).follow(operation) : operation
        }
    }
}

struct OperationCancel: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "cancel",
        abstract: "Cancel operations.",
        discussion: """
            Prints the id of each operation that has ended. A cancelled copy is removed. An image whose purge is \
            cancelled stays in the trash, without the data that is already removed.
            """
    )

    @Argument(help: "The operations' ids.")
    var ids: [String]

    @OptionGroup var waiting: WaitOptions
    @OptionGroup var rehearsal: DryRunOptions
    @OptionGroup var connection: ConnectionOptions

    func run() async throws {
        try await connection.withClient { client in
            for id in ids {
                switch try await client.cancel(id, rehearsal) {
                case .planned(let plan): try Console.output.write(plan, as: .table)
                case .done(var operation):
                    while waiting.wait, !operation.state.isFinished {
                        operation = try await client.operation(id, wait: 5)
                    }
                    try Console.output.write(Escaping.name(id) + "\n")
                }
            }
        }
    }
}
