// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

internal import ArgumentParser
import Naming
internal import RBDAPI

struct SnapshotList: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "list",
        abstract: "List the snapshots of an image, oldest first.",
        discussion: """
            Snapshots of groups, and snapshots that were deleted while clones needed them, are listed with their kind.
            """,
        aliases: ["ls"]
    )

    @Argument(help: "The image: pool/image, pool/namespace/image or image.", transform: Read.imageSpec)
    var spec: ImageSpec

    @Flag(help: "Show the data that each snapshot holds and the previous one does not.")
    var usage = false

    @OptionGroup var connection: ConnectionOptions
    @OptionGroup var format: OutputOptions

    func run() async throws {
        let snapshots = try await connection.withClient { try await $0.snapshots(of: spec, withUsage: usage) }
        try Console.output.write(format.output.render(snapshots))
    }
}

struct SnapshotGet: AsyncParsableCommand {
    static let configuration = CommandConfiguration(commandName: "get", abstract: "Show a snapshot.")

    @Argument(help: "The snapshot: pool/image@snapshot.", transform: Read.snapshotSpec)
    var spec: SnapshotSpec

    @Flag(help: "Show the data that the snapshot holds and the previous one does not.")
    var usage = false

    @OptionGroup var connection: ConnectionOptions
    @OptionGroup var format: OutputOptions

    func run() async throws {
        let snapshot = try await connection.withClient { try await $0.snapshot(spec, withUsage: usage) }
        try Console.output.write(format.output.render(snapshot))
    }
}
