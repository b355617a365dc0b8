// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

internal import ArgumentParser
import Naming
internal import RBDAPI

/// The options that all commands that begin work on one image share.
struct WorkOptions: ParsableArguments {
    @OptionGroup var waiting: WaitOptions
    @OptionGroup var rehearsal: DryRunOptions
    @OptionGroup var connection: ConnectionOptions

    /// Prints the spec of the image when the work is done; with `--no-wait`, the operation's id.
    func run(
        _ action: [String],
        on spec: ImageSpec,
        query: Transport.Query = [],
        body: (any Encodable)? = nil
    ) async throws {
        try await connection.withClient { client in
            switch try await client.begin(action, on: spec, query: query, body: body, rehearsal) {
            case .planned(let plan): try Console.output.write(plan, as: .table)
            case .done(let operation):
                guard let last = try await waiting.end(of: operation, client) else { return }
                try Console.output.write(Escaping.name(last.target ?? last.spec.description) + "\n")
            }
        }
    }
}

struct ImageFlatten: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "flatten",
        abstract: "Make a clone independent of its parent.",
        discussion: "Prints the image's spec when it is done; with --no-wait, the operation's id."
    )

    @Argument(help: "The image: pool/image, pool/namespace/image or image.", transform: Read.imageSpec)
    var spec: ImageSpec

    @OptionGroup var options: WorkOptions

    func run() async throws {
        try await options.run(["flatten"], on: spec)
    }
}

struct ImageSparsify: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "sparsify",
        abstract: "Free the space that zeros take.",
        discussion: "Prints the image's spec when it is done; with --no-wait, the operation's id."
    )

    @Argument(help: "The image: pool/image, pool/namespace/image or image.", transform: Read.imageSpec)
    var spec: ImageSpec

    @Option(
        help: ArgumentHelp("The minimum length of a run of zeros: a power of two, 4KiB or more.", valueName: "size")
    )
    var blockSize: String?

    @OptionGroup var options: WorkOptions

    func run() async throws {
        try await options.run(["sparsify"], on: spec, query: [("blockSize", blockSize)])
    }
}

struct ImageRebuildObjectMap: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "rebuild-object-map",
        abstract: "Check again which of an image's objects exist.",
        discussion: "Prints the image's spec when it is done; with --no-wait, the operation's id."
    )

    @Argument(help: "The image: pool/image, pool/namespace/image or image.", transform: Read.imageSpec)
    var spec: ImageSpec

    @OptionGroup var options: WorkOptions

    func run() async throws {
        try await options.run(["rebuild-object-map"], on: spec)
    }
}

struct ImageCopy: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "copy",
        abstract: "Copy an image, or a snapshot of it: pool/image@snapshot.",
        discussion: """
            The copy is independent of the image. If no snapshot is named, the service takes a temporary one. Prints \
            the copy's spec when it is done; with --no-wait, the operation's id.
            """,
        aliases: ["cp"]
    )

    @Argument(help: "The image, or image@snapshot.", transform: Read.copySource)
    var source: CopySource

    @Argument(help: "The copy: pool/image, pool/namespace/image or image.", transform: Read.imageSpec)
    var target: ImageSpec

    @Flag(help: "Copy all of the image's snapshots too.")
    var withSnapshots = false

    @OptionGroup var options: WorkOptions

    func run() async throws {
        let request = CopyImageRequest(
            name: target.image,
            pool: target.pool,
            namespace: target.namespace,
            snapshot: source.snapshot,
            withSnapshots: withSnapshots ? true : nil
        )
        try await options.run(["copy"], on: source.spec, body: request)
    }
}

/// An image, or one of its snapshots.
struct CopySource: Hashable, Sendable {
    var spec: ImageSpec
    var snapshot: String?
}

extension Read {
    @Sendable static func copySource(_ text: String) throws -> CopySource {
        let parts = text.split(separator: "@", maxSplits: 1, omittingEmptySubsequences: false).map(String.init)
        guard parts.count == 1 || !parts[1].isEmpty else {
            throw ValidationError("write a snapshot as pool/image@snapshot")
        }
        return CopySource(spec: try imageSpec(parts[0]), snapshot: parts.count == 2 ? parts[1] : nil)
    }
}
