// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

internal import ArgumentParser
import Naming
internal import RBDAPI

struct TrashPurge: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "purge",
        abstract: "Remove images in the trash and their data for good.",
        discussion: """
            Prints each image's entry when it is removed; with --no-wait, the ids of the operations that remove them.
            """
    )

    @Argument(help: "The images: pool/id or pool/namespace/id.", transform: Read.imageSpec)
    var entries: [ImageSpec]

    @Flag(help: "Purge an image even if it is still kept.")
    var force = false

    @OptionGroup var waiting: WaitOptions
    @OptionGroup var rehearsal: DryRunOptions
    @OptionGroup var connection: ConnectionOptions

    func run() async throws {
        try await connection.withClient { client in
            try await ForEach(entries).delete { try await purge($0, client) }
        }
    }

    private func purge(_ entry: ImageSpec, _ client: APIClient) async throws -> Change<String> {
        switch try await client.purge(entry, force: force, rehearsal) {
        case .planned(let plan): return .planned(plan)
        case .done(let operation):
            guard waiting.wait else { return .done(operation.id) }
            _ = try await OperationFollower(client: client).follow(operation)
            return .done(entry.description)
        }
    }
}

struct TrashPurgeExpired: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "purge-expired",
        abstract: "Purge the expired images that the service put into the trash.",
        discussion: "The service does so by itself every few seconds. Prints the ids of the operations."
    )

    @Argument(help: "The pool, or pool/namespace. (default: rbd)", transform: Read.imageFolder)
    var folder: ImageFolder?

    @OptionGroup var rehearsal: DryRunOptions
    @OptionGroup var connection: ConnectionOptions

    func run() async throws {
        switch try await connection.withClient({ try await $0.purgeExpired(in: folder ?? .default, rehearsal) }) {
        case .planned(let plan): try Console.output.write(plan, as: .table)
        case .done(let answer): try Console.output.write(OutputFormat.name.render(answer.operations))
        }
    }
}
