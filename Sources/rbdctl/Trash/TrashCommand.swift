// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

internal import ArgumentParser
import Naming
internal import RBDAPI

struct TrashCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "trash",
        abstract: "Deleted images, which can be restored for a limited time.",
        discussion: """
            Write an image in the trash with its id in place of its name: pool/id, pool/namespace/id. Several images \
            in the trash may have had the same name.
            """,
        subcommands: [TrashList.self, TrashGet.self, TrashRestore.self, TrashPurge.self, TrashPurgeExpired.self]
    )
}

struct TrashList: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "list",
        abstract: "List the trash of a pool or a namespace.",
        aliases: ["ls"]
    )

    @Argument(help: "The pool, or pool/namespace. (default: rbd)", transform: Read.place)
    var folder: Place?

    @OptionGroup var options: ShowOptions

    func run() async throws {
        try await options.list { try await $0.trash(of: folder ?? .default) }
    }
}

struct TrashGet: AsyncParsableCommand {
    static let configuration = CommandConfiguration(commandName: "get", abstract: "Show an image in the trash.")

    @Argument(help: "The image: pool/id or pool/namespace/id.", transform: Read.imageSpec)
    var entry: ImageSpec

    @OptionGroup var options: ShowOptions

    func run() async throws {
        try await options.show { try await $0.trashEntry(entry) }
    }
}

struct TrashRestore: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "restore",
        abstract: "Restore an image from the trash.",
        discussion: """
            Prints the image's spec. The image is given by its id, or by the name that it had. If several images in \
            the trash had the name, the command lists them and restores none.
            """
    )

    @Argument(
        help: "The image: pool/id or pool/namespace/id, or with its name in place of the id.",
        transform: Read.imageSpec
    )
    var entry: ImageSpec

    @Option(help: ArgumentHelp("A new name. (default: the old one)", valueName: "name"))
    var name: String?

    @OptionGroup var options: ChangeOptions

    func run() async throws {
        try await options.change { client, dryRun in
            try await client.withTrashEntry(entry) { try await client.restore($0, as: name, dryRun) }
        }
    }
}

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

    @Argument(help: "The pool, or pool/namespace. (default: rbd)", transform: Read.place)
    var folder: Place?

    @OptionGroup var rehearsal: DryRunOptions
    @OptionGroup var connection: ConnectionOptions

    func run() async throws {
        switch try await connection.withClient({ try await $0.purgeExpired(in: folder ?? .default, rehearsal) }) {
        case .planned(let plan): try Console.output.write(plan, as: .table)
        case .done(let answer): try Console.output.write(OutputFormat.name.render(answer.operations))
        }
    }
}
