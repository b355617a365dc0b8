// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

internal import ArgumentParser
import Naming
internal import RBDAPI

struct ImageMetadata: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "metadata",
        abstract: "Keys and values that are stored with an image.",
        subcommands: [ImageMetadataList.self, ImageMetadataSet.self, ImageMetadataRemove.self]
    )
}

struct ImageMetadataList: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "list",
        abstract: "List an image's metadata.",
        aliases: ["ls"]
    )

    @Argument(help: "The image: pool/image, pool/namespace/image or image.", transform: Read.imageSpec)
    var spec: ImageSpec

    @OptionGroup var options: ShowOptions

    func run() async throws {
        try await options.list { client in
            let metadata = try await client.image(spec).metadata ?? [:]
            return metadata.sorted { $0.key < $1.key }.map { Pair(key: $0.key, value: $0.value) }
        }
    }
}

struct ImageMetadataSet: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "set",
        abstract: "Set some of an image's metadata.",
        discussion: "Other keys stay. Either all keys are set or none. Prints the image's spec."
    )

    @Argument(help: "The image: pool/image, pool/namespace/image or image.", transform: Read.imageSpec)
    var spec: ImageSpec

    @Argument(help: ArgumentHelp("The key and its value.", valueName: "key=value"), transform: Read.pair)
    var pairs: [Pair]

    @OptionGroup var options: ChangeOptions

    func run() async throws {
        var changes = UpdateImageRequest()
        changes.metadata = Dictionary(pairs.map { ($0.key, .some($0.value)) }) { $1 }
        try await options.change(spec, changes)
    }
}

struct ImageMetadataRemove: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "remove",
        abstract: "Remove some of an image's metadata.",
        discussion: "A missing key is not an error. Prints the image's spec.",
        aliases: ["rm"]
    )

    @Argument(help: "The image: pool/image, pool/namespace/image or image.", transform: Read.imageSpec)
    var spec: ImageSpec

    @Argument(help: "The keys.")
    var keys: [String]

    @OptionGroup var options: ChangeOptions

    func run() async throws {
        var changes = UpdateImageRequest()
        changes.metadata = Dictionary(keys.map { ($0, nil) }) { $1 }
        try await options.change(spec, changes)
    }
}

/// `key=value`.
struct Pair: Codable, Hashable, Sendable {
    var key: String
    var value: String
}

extension Pair: PresentableRow {
    var bareName: String { key }

    static func header(detailed: Bool) -> [String] { ["KEY", "VALUE"] }

    func cells(detailed: Bool) -> [String] { [key, value] }
}

extension Read {
    @Sendable static func pair(_ text: String) throws -> Pair {
        let parts = text.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false).map(String.init)
        guard parts.count == 2, !parts[0].isEmpty else { throw ValidationError("write it as key=value") }
        return Pair(key: parts[0], value: parts[1])
    }
}
