// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

internal import ArgumentParser
import Naming
internal import RBDAPI

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

    @OptionGroup var options: ImageChangeOptions

    func run() async throws {
        var changes = UpdateImageRequest()
        changes.enableFeatures = features
        try await options.run(spec, changes)
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

    @OptionGroup var options: ImageChangeOptions

    func run() async throws {
        var changes = UpdateImageRequest()
        changes.disableFeatures = features
        try await options.run(spec, changes)
    }
}
