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
            Prints the spec of each snapshot that is gone. A failure does not keep the others from being deleted. One \
            that is protected or has clones stays.
            """,
        aliases: ["rm"]
    )

    @Argument(help: "The snapshots: pool/image@snapshot.", transform: Read.snapshotSpec)
    var specs: [SnapshotSpec]

    @Flag(help: "Delete it also where clones need it: it then stays in the trash until the last of them is gone.")
    var evenIfCloned = false

    @Flag(help: "Do not fail where a snapshot does not exist. Its image must.")
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
