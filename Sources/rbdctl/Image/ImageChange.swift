// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

internal import ArgumentParser
import Naming
internal import RBDAPI
internal import YAML

extension ChangeOptions {
    func change(_ spec: ImageSpec, _ changes: UpdateImageRequest) async throws {
        try await change { try await $0.updateImage(spec, changes, $1) }
    }
}

struct ImageResize: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "resize",
        abstract: "Make an image larger or smaller.",
        discussion: """
            Prints the image's spec. A smaller size destroys the data beyond it. It needs --allow-shrink, and the size \
            again: with --confirm, or on the terminal. Shrinking is refused while a client has the image open. Once it \
            has begun, it can't be cancelled. With --no-wait it prints the operation's id.
            """
    )

    @Argument(help: "The image: pool/image, pool/namespace/image or image.", transform: Read.imageSpec)
    var spec: ImageSpec

    @Argument(help: "The new size, such as 20GiB.", transform: Read.size)
    var size: ByteCount

    @Flag(help: "Allow a size that is smaller than the current one.")
    var allowShrink = false

    @Option(help: ArgumentHelp("The smaller size again.", valueName: "size"), transform: Read.size)
    var confirm: ByteCount?

    @OptionGroup var waiting: WaitOptions
    @OptionGroup var options: ChangeOptions

    func validate() throws {
        guard confirm == nil || confirm == size else {
            throw ValidationError("--confirm must repeat the size; nothing was changed")
        }
    }

    func run() async throws {
        var changes = UpdateImageRequest()
        changes.size = size
        if allowShrink {
            if confirm == nil { try confirmOnTerminal() }
            changes.allowShrink = true
            changes.confirmSize = size
        }
        guard allowShrink, !options.dryRun.dryRun else { return try await options.change(spec, changes) }
        try await shrink(changes)
    }

    private func shrink(_ changes: UpdateImageRequest) async throws {
        try await options.connection.withClient { client in
            let json = try OrderedValue(encoding: changes).json()
            let reply = try await client.transport.reply(.patch, spec.path, query: spec.query, json: json)
            if reply.status == 202 {
                let operation = try reply.decoded(as: RBDAPI.Operation.self)
                guard try await waiting.end(of: operation, client) != nil else { return }
            }
            try Console.output.write(options.format.output.render(try await client.image(spec)))
        }
    }

    private func confirmOnTerminal() throws {
        let image = Escaping.terminal(spec.description)
        let confirmation = Confirmation(
            reason: "a smaller size must be confirmed: repeat it with --confirm",
            remedy: .confirmShrink(to: size),
            question:
                "If \(image) is larger than \(size), this destroys its data beyond that. Type the size to continue",
            refusal: "that is not the size; nothing was changed"
        )
        try confirmation.ask { (try? ByteCount(parsing: $0)) == size }
    }
}

struct ImageRename: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "rename",
        abstract: "Rename an image.",
        discussion: "Prints its new spec. Clients that have it open continue to work."
    )

    @Argument(help: "The image: pool/image, pool/namespace/image or image.", transform: Read.imageSpec)
    var spec: ImageSpec

    @Argument(help: "The new name, without a pool. The image stays in its pool and namespace.")
    var name: String

    @OptionGroup var identity: ByIDOptions
    @OptionGroup var options: ChangeOptions

    func run() async throws {
        guard !identity.byID else {
            return try await options.change { try await $0.renameImage(byID: spec, to: name, $1) }
        }
        var changes = UpdateImageRequest()
        changes.name = name
        try await options.change(spec, changes)
    }
}

struct ImageFeature: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "feature",
        abstract: "Enable and disable features of an image.",
        subcommands: [ImageFeatureEnable.self, ImageFeatureDisable.self]
    )
}

struct ImageFeatureEnable: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "enable",
        abstract: "Enable features, and the features that they need.",
        discussion: "exclusive-lock, object-map, fast-diff, journaling. Prints the image's spec."
    )

    @Argument(help: "The image: pool/image, pool/namespace/image or image.", transform: Read.imageSpec)
    var spec: ImageSpec

    @Argument(help: "Ceph's names of the features.")
    var features: [String]

    @OptionGroup var options: ChangeOptions

    func run() async throws {
        var changes = UpdateImageRequest()
        changes.enableFeatures = features
        try await options.change(spec, changes)
    }
}

struct ImageFeatureDisable: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "disable",
        abstract: "Disable features, and the features that need them.",
        discussion: """
            exclusive-lock, object-map, fast-diff, journaling, and deep-flatten, which can't be enabled again. Prints \
            the image's spec.
            """
    )

    @Argument(help: "The image: pool/image, pool/namespace/image or image.", transform: Read.imageSpec)
    var spec: ImageSpec

    @Argument(help: "Ceph's names of the features.")
    var features: [String]

    @OptionGroup var options: ChangeOptions

    func run() async throws {
        var changes = UpdateImageRequest()
        changes.disableFeatures = features
        try await options.change(spec, changes)
    }
}
