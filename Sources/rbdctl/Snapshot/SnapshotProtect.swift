// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

internal import ArgumentParser
import Naming
internal import RBDAPI

struct SnapshotProtect: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "protect",
        abstract: "Protect a snapshot against deletion.",
        discussion: "Prints its spec. Only clones of the old format 1 need this."
    )

    @Argument(help: "The snapshot: pool/image@snapshot.", transform: Read.snapshotSpec)
    var spec: SnapshotSpec

    @OptionGroup var dryRun: DryRunOptions
    @OptionGroup var connection: ConnectionOptions
    @OptionGroup var format: CreatedOutputOptions

    func run() async throws {
        let outcome = try await connection.withClient { client in
            try await client.changeSnapshot(spec, SnapshotChanges(protected: true), dryRun)
        }
        try Console.output.write(outcome, as: format.output)
    }
}

struct SnapshotUnprotect: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "unprotect",
        abstract: "Remove the protection of a snapshot.",
        discussion: "Prints its spec. Refused if clones of the old format 1 need the protection."
    )

    @Argument(help: "The snapshot: pool/image@snapshot.", transform: Read.snapshotSpec)
    var spec: SnapshotSpec

    @OptionGroup var dryRun: DryRunOptions
    @OptionGroup var connection: ConnectionOptions
    @OptionGroup var format: CreatedOutputOptions

    func run() async throws {
        let outcome = try await connection.withClient { client in
            try await client.changeSnapshot(spec, SnapshotChanges(protected: false), dryRun)
        }
        try Console.output.write(outcome, as: format.output)
    }
}
