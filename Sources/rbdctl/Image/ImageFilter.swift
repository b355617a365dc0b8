// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

internal import ArgumentParser
internal import RBDAPI

/// Which images a list has, and in which order: as the service takes it.
struct ImageFilter: ParsableArguments {
    enum Sort: String, CaseIterable, ExpressibleByArgument {
        case name, size, created
    }

    @Option(help: "Only images whose names start like this.")
    var prefix: String?

    @Option(help: "Only images with this in their names; * is anything, ? one character.")
    var match: String?

    @Option(help: "Only images with all of these features, separated by commas.")
    var feature: String?

    @Option(help: "Only images of at least this size.", transform: Read.size)
    var minSize: ByteCount?

    @Option(help: "Only images of at most this size.", transform: Read.size)
    var maxSize: ByteCount?

    @Option(help: "What the list is in the order of.")
    var sort = Sort.name

    @Flag(help: "The last, largest or newest first.")
    var descending = false

    var query: Transport.Query {
        [
            ("prefix", prefix?.nonEmpty), ("name~", match?.nonEmpty), ("feature", feature?.nonEmpty),
            ("minSize", minSize.map { String($0.bytes) }), ("maxSize", maxSize.map { String($0.bytes) }),
            ("sort", sort == .name ? nil : sort.rawValue), ("order", descending ? "desc" : nil),
        ]
    }
}

/// What is told of images only to who asks for it.
struct ImageDetailsOptions: ParsableArguments {
    @Option(
        help: ArgumentHelp(
            "Tell these, too, separated by commas: usage, watchers, children, mirroring, migration, encryption. It takes longer.",
            valueName: "fields"
        )
    )
    var with: String?
}
