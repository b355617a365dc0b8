// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

internal import ArgumentParser
import Naming
internal import RBDAPI

struct GroupSnapshotList: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "list",
        abstract: "List the snapshots of a group.",
        aliases: ["ls"]
    )

    @Argument(help: "The group: pool/group, pool/namespace/group or group.", transform: Read.groupSpec)
    var group: GroupSpec

    @OptionGroup var connection: ConnectionOptions
    @OptionGroup var format: OutputOptions

    func run() async throws {
        let snapshots = try await connection.withClient { try await $0.snapshots(of: group) }
        try Console.output.write(format.output.render(snapshots))
    }
}
