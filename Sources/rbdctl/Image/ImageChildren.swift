// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

internal import ArgumentParser
import Naming
internal import RBDAPI

struct ImageChildrenCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "children",
        abstract: "List the clones that still need an image's snapshots."
    )

    @Argument(help: "The image: pool/image, pool/namespace/image or image.", transform: Read.imageSpec)
    var spec: ImageSpec

    @Option(help: ArgumentHelp("Only the clones of this snapshot.", valueName: "name"))
    var snapshot: String?

    @OptionGroup var options: ShowOptions

    func run() async throws {
        try await options.list { try await $0.children(of: spec, snapshot: snapshot) }
    }
}

struct ImageAncestorsCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "ancestors",
        abstract: "List the snapshots that a clone depends on: its parent, the parent's parent, and so on."
    )

    @Argument(help: "The image: pool/image, pool/namespace/image or image.", transform: Read.imageSpec)
    var spec: ImageSpec

    @OptionGroup var options: ShowOptions

    func run() async throws {
        try await options.list { try await $0.ancestors(of: spec) }
    }
}
