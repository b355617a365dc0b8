// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

internal import ArgumentParser
import Naming
internal import RBDAPI

struct GroupSnapshotCreate: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "create",
        abstract: "Take a snapshot of all images of a group at one moment.",
        discussion: "Prints the snapshot's spec. Clients may have the images open."
    )

    @Argument(help: "The snapshot: pool/group@snapshot.", transform: Read.groupSnapshotSpec)
    var snapshot: GroupSnapshotSpec

    @OptionGroup var dryRun: DryRunOptions
    @OptionGroup var connection: ConnectionOptions
    @OptionGroup var format: CreatedOutputOptions

    func run() async throws {
        let made = try await connection.withClient { try await $0.createSnapshot(snapshot, dryRun) }
        try Console.output.write(made, as: format.output)
    }
}
