// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

internal import ArgumentParser
import Naming
internal import RBDAPI

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
