// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

internal import ArgumentParser
internal import RBDAPI

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
