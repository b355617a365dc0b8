// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

internal import ArgumentParser
import Naming
internal import RBDAPI

struct TrashList: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "list",
        abstract: "List the trash of a pool or a namespace.",
        aliases: ["ls"]
    )

    @Argument(help: "The pool, or pool/namespace. (default: rbd)", transform: Read.imageFolder)
    var folder: ImageFolder?

    @OptionGroup var connection: ConnectionOptions
    @OptionGroup var format: OutputOptions

    func run() async throws {
        let entries = try await connection.withClient { try await $0.trash(of: folder ?? .default) }
        try Console.output.write(format.output.render(entries))
    }
}

struct TrashGet: AsyncParsableCommand {
    static let configuration = CommandConfiguration(commandName: "get", abstract: "Show an image in the trash.")

    @Argument(help: "The image: pool/id or pool/namespace/id.", transform: Read.imageSpec)
    var entry: ImageSpec

    @OptionGroup var connection: ConnectionOptions
    @OptionGroup var format: OutputOptions

    func run() async throws {
        let found = try await connection.withClient { try await $0.trashEntry(entry) }
        try Console.output.write(format.output.render(found))
    }
}
