// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

internal import ArgumentParser
import Naming
internal import RBDAPI

struct SnapshotRename: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "rename",
        abstract: "Rename a snapshot.",
        discussion: "Prints its new spec."
    )

    @Argument(help: "The snapshot: pool/image@snapshot.", transform: Read.snapshotSpec)
    var spec: SnapshotSpec

    @Argument(help: "The new name, without the image.")
    var name: String

    @OptionGroup var dryRun: DryRunOptions
    @OptionGroup var connection: ConnectionOptions
    @OptionGroup var format: CreatedOutputOptions

    func run() async throws {
        let outcome = try await connection.withClient { client in
            try await client.changeSnapshot(spec, SnapshotChanges(name: name), dryRun)
        }
        try Console.output.write(outcome, as: format.output)
    }
}
