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
        transform: Read.place
    )
    var folder: Place?

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

/// The parameters that select and sort the images of a list, as the service takes them.
struct ImageFilter: ParsableArguments {
    enum Sort: String, CaseIterable, ExpressibleByArgument {
        case name, size, created
    }

    @Option(help: "Only images whose names start with this text.")
    var prefix: String?

    @Option(help: "Only images whose names contain this text. * matches any characters, ? matches one.")
    var match: String?

    @Option(help: "Only images with all of these features, separated by commas.")
    var feature: String?

    @Option(help: "Only images of at least this size.", transform: Read.size)
    var minSize: ByteCount?

    @Option(help: "Only images of at most this size.", transform: Read.size)
    var maxSize: ByteCount?

    @Option(help: "The order of the list.")
    var sort = Sort.name

    @Flag(help: "Reverse the order: last, largest or newest first.")
    var descending = false

    var query: Transport.Query {
        [
            ("prefix", prefix?.nonEmpty), ("name~", match?.nonEmpty), ("feature", feature?.nonEmpty),
            ("minSize", minSize.map { String($0.bytes) }), ("maxSize", maxSize.map { String($0.bytes) }),
            ("sort", sort == .name ? nil : sort.rawValue), ("order", descending ? "desc" : nil),
        ]
    }
}

/// Extra members of images, which are read only on request.
struct ImageDetailsOptions: ParsableArguments {
    @Option(
        help: ArgumentHelp(
            "Extra fields, separated by commas: usage, watchers, children, mirroring, migration, encryption. They take longer.",
            valueName: "fields"
        )
    )
    var with: String?
}

struct ImageGet: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "get",
        abstract: "Show images.",
        discussion: "One image is an object in JSON and YAML, several are an array."
    )

    @Argument(help: "The images: pool/image, pool/namespace/image or image.", transform: Read.imageSpec)
    var specs: [ImageSpec]

    @OptionGroup var identity: ByIDOptions
    @OptionGroup var details: ImageDetailsOptions
    @OptionGroup var connection: ConnectionOptions
    @OptionGroup var format: OutputOptions

    func run() async throws {
        if specs.count == 1 {
            let image = try await connection.withClient {
                try await $0.image(specs[0], byID: identity.byID, fields: details.with)
            }
            return try Console.output.write(format.output.render(image))
        }
        let (images, failures) = try await connection.withClient { client in
            var images: [Image] = []
            let failures = try await ForEach(specs).run {
                images.append(try await client.image($0, byID: identity.byID, fields: details.with))
            }
            return (images, failures)
        }
        if let failures, images.isEmpty { throw failures }
        try Console.output.write(format.output.render(images, detailed: true))
        if let failures { throw failures }
    }
}
