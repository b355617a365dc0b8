// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

internal import ArgumentParser
internal import RBDAPI

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

    @OptionGroup var connection: ConnectionOptions
    @OptionGroup var format: OutputOptions

    func run() async throws {
        let operation = try await connection.withClient { client in
            let operation = try await client.operation(id)
            return watch ? try await OperationFollower(client: client).follow(operation) : operation
        }
        try Console.output.write(format.output.render(operation))
    }
}
