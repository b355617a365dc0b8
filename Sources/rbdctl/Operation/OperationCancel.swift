// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

internal import ArgumentParser
internal import RBDAPI

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
