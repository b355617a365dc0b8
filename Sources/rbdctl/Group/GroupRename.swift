// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

internal import ArgumentParser
import Naming
internal import RBDAPI

struct GroupRename: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "rename",
        abstract: "Rename a group.",
        discussion: "Prints the group's new spec."
    )

    @Argument(help: "The group: pool/group, pool/namespace/group or group.", transform: Read.groupSpec)
    var group: GroupSpec

    @Argument(help: "The new name, without a pool. The group stays in its pool and namespace.")
    var name: String

    @OptionGroup var dryRun: DryRunOptions
    @OptionGroup var connection: ConnectionOptions
    @OptionGroup var format: CreatedOutputOptions

    func run() async throws {
        let renamed = try await connection.withClient { try await $0.renameGroup(group, to: name, dryRun) }
        try Console.output.write(renamed, as: format.output)
    }
}
