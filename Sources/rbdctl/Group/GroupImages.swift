// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

internal import ArgumentParser
import Naming
internal import RBDAPI

struct GroupImageCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "image",
        abstract: "The images of a group.",
        subcommands: [GroupImageList.self, GroupImageAdd.self, GroupImageRemove.self]
    )
}

struct GroupImageList: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "list",
        abstract: "List the images of a group.",
        aliases: ["ls"]
    )

    @Argument(help: "The group: pool/group, pool/namespace/group or group.", transform: Read.groupSpec)
    var group: GroupSpec

    @OptionGroup var options: ShowOptions

    func run() async throws {
        try await options.list { try await $0.images(of: group) }
    }
}

struct GroupImageAdd: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "add",
        abstract: "Add images to a group.",
        discussion: """
            Prints the spec of each image that is then in the group. An image can be in one group at most. The group \
            must be in the namespace of the same name.
            """
    )

    @Argument(help: "The group: pool/group, pool/namespace/group or group.", transform: Read.groupSpec)
    var group: GroupSpec

    @Argument(help: "The images: pool/image, pool/namespace/image or image.", transform: Read.imageSpec)
    var images: [ImageSpec]

    @OptionGroup var dryRun: DryRunOptions
    @OptionGroup var connection: ConnectionOptions
    @OptionGroup var format: CreatedOutputOptions

    func validate() throws {
        try GroupImageRemove.check(images, group)
    }

    func run() async throws {
        let failures = try await connection.withClient { client in
            try await ForEach(images).run { image in
                try Console.output.write(try await client.addImage(image, to: group, dryRun), as: format.output)
            }
        }
        if let failures { throw failures }
    }
}

struct GroupImageRemove: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "remove",
        abstract: "Remove images from a group. The images stay.",
        discussion:
            "Prints the spec of each removed image. The group's snapshots keep their data of it.",
        aliases: ["rm"]
    )

    @Argument(help: "The group: pool/group, pool/namespace/group or group.", transform: Read.groupSpec)
    var group: GroupSpec

    @Argument(help: "The images: pool/image, pool/namespace/image or image.", transform: Read.imageSpec)
    var images: [ImageSpec]

    @OptionGroup var options: DeletionOptions

    func validate() throws {
        try Self.check(images, group)
    }

    static func check(_ images: [ImageSpec], _ group: GroupSpec) throws {
        guard let other = images.first(where: { $0.namespace != group.namespace }) else { return }
        throw ValidationError("the image \(other) is in another namespace than the group \(group)")
    }

    func run() async throws {
        try await options.delete(images) { try await $0.removeImage($1, from: group, $2) }
    }
}
