// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

internal import ArgumentParser
import Naming
internal import RBDAPI

struct GroupSnapshotDelete: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "delete",
        abstract: "Delete snapshots of groups.",
        discussion: "Prints the spec of each deleted snapshot.",
        aliases: ["rm"]
    )

    @Argument(help: "The snapshots: pool/group@snapshot.", transform: Read.groupSnapshotSpec)
    var snapshots: [GroupSnapshotSpec]

    @OptionGroup var dryRun: DryRunOptions
    @OptionGroup var connection: ConnectionOptions

    func run() async throws {
        try await connection.withClient { client in
            try await ForEach(snapshots).delete { try await client.deleteSnapshot($0, dryRun) }
        }
    }
}
