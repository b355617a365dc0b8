// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

internal import ArgumentParser
import Naming
internal import RBDAPI

struct ImageList: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "list",
        abstract: "List the images of a pool or a namespace.",
        aliases: ["ls"]
    )

    @Argument(
        help: ArgumentHelp("The pool, or pool/namespace. (default: \(ImageSpec.defaultPool))", valueName: "pool"),
        transform: Read.imageFolder
    )
    var folder: ImageFolder?

    @OptionGroup var filter: ImageFilter

    @Option(help: ArgumentHelp("The maximum number of images.", valueName: "n"))
    var limit: Int?

    @OptionGroup var details: ImageDetailsOptions
    @OptionGroup var connection: ConnectionOptions
    @OptionGroup var format: OutputOptions

    func validate() throws {
        guard limit.map({ $0 >= 1 }) ?? true else { throw ValidationError("--limit must be 1 or more") }
    }

    func run() async throws {
        let images = try await connection.withClient { client in
            try await client.images(in: folder ?? .default, filter.query, limit: limit, fields: details.with)
        }
        try Console.output.write(format.output.render(images))
        for image in images {
            guard let problem = image.problem else { continue }
            Console.errors.report(Failure(problem).text())
        }
    }
}
