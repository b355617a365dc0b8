// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

internal import ArgumentParser
import Naming
internal import RBDAPI

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

    @OptionGroup var rehearsal: DryRunOptions
    @OptionGroup var connection: ConnectionOptions
    @OptionGroup var format: CreatedOutputOptions

    func run() async throws {
        let restored = try await connection.withClient { client in
            try await client.withTrashEntry(entry) { try await client.restore($0, as: name, rehearsal) }
        }
        try Console.output.write(restored, as: format.output)
    }
}
