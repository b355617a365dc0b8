// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

internal import ArgumentParser
import Naming
internal import RBDAPI

struct GroupList: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "list",
        abstract: "List the groups of a pool or a namespace.",
        aliases: ["ls"]
    )

    @Argument(
        help: ArgumentHelp("The pool, or pool/namespace. (default: \(ImageSpec.defaultPool))", valueName: "pool"),
        transform: Read.imageFolder
    )
    var folder: ImageFolder?

    @Option(help: "Only groups whose names start with this text.")
    var prefix: String?

    @OptionGroup var connection: ConnectionOptions
    @OptionGroup var format: OutputOptions

    func run() async throws {
        let groups = try await connection.withClient { try await $0.groups(in: folder ?? .default, prefix: prefix) }
        try Console.output.write(format.output.render(groups))
    }
}
