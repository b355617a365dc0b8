// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

internal import ArgumentParser
import Naming
internal import RBDAPI

struct SnapshotLimitCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "limit",
        abstract: "Show or set the maximum number of snapshots of an image."
    )

    @Argument(help: "The image: pool/image, pool/namespace/image or image.", transform: Read.imageSpec)
    var spec: ImageSpec

    @Argument(
        help: "The limit, or none to remove it. If it is left out, the current limit is shown.",
        transform: Limit.init(parsing:)
    )
    var limit: Limit?

    @OptionGroup var dryRun: DryRunOptions
    @OptionGroup var connection: ConnectionOptions
    @OptionGroup var format: OutputOptions

    struct Limit: Hashable, Sendable {
        /// Nil removes the limit.
        var number: UInt64?

        @Sendable init(parsing text: String) throws {
            guard text != "none" else { return }
            guard let number = UInt64(text) else {
                throw ValidationError("the limit must be a whole number, 0 or more, or none")
            }
            self.number = number
        }
    }

    func run() async throws {
        guard let limit else {
            let current = try await connection.withClient { try await $0.snapshotLimit(of: spec) }
            return try Console.output.write(format.output.render(current))
        }
        let outcome = try await connection.withClient { client in
            try await client.setSnapshotLimit(of: spec, to: limit.number, dryRun)
        }
        try Console.output.write(outcome, as: format.output)
    }
}
