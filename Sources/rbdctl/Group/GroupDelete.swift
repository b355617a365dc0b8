// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

internal import ArgumentParser
import Naming
internal import RBDAPI

struct GroupDelete: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "delete",
        abstract: "Delete groups. Their images stay.",
        discussion: """
            Prints the spec of each deleted group. A group with snapshots is not deleted: delete the snapshots first. \
            If one group fails, the others are still deleted.
            """,
        aliases: ["rm"]
    )

    @Argument(help: "The groups: pool/group, pool/namespace/group or group.", transform: Read.groupSpec)
    var groups: [GroupSpec]

    @OptionGroup var dryRun: DryRunOptions
    @OptionGroup var connection: ConnectionOptions

    func run() async throws {
        try await connection.withClient { client in
            try await ForEach(groups).delete { try await client.deleteGroup($0, dryRun) }
        }
    }
}
