// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

internal import ArgumentParser
import Naming
internal import RBDAPI

struct SnapshotDelete: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "delete",
        abstract: "Delete snapshots.",
        discussion: """
            Prints the spec of each deleted snapshot. If one fails, the others are still deleted. A snapshot that is \
            protected or has clones is not deleted.
            """,
        aliases: ["rm"]
    )

    @Argument(help: "The snapshots: pool/image@snapshot.", transform: Read.snapshotSpec)
    var specs: [SnapshotSpec]

    @Flag(help: "Delete a snapshot even if clones need it. It then stays in the trash until the last of them is gone.")
    var evenIfCloned = false

    @Flag(help: "Do not fail if a snapshot does not exist. Its image must exist.")
    var ignoreMissing = false

    @OptionGroup var dryRun: DryRunOptions
    @OptionGroup var connection: ConnectionOptions

    func run() async throws {
        try await connection.withClient { client in
            try await ForEach(specs).delete(ignoring: ignoreMissing ? .snapshotNotFound : nil) { spec in
                try await client.deleteSnapshot(spec, evenIfCloned: evenIfCloned, dryRun)
            }
        }
    }
}
