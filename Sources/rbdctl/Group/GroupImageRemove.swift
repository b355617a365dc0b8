// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

internal import ArgumentParser
import Naming
internal import RBDAPI

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

    @OptionGroup var dryRun: DryRunOptions
    @OptionGroup var connection: ConnectionOptions

    func validate() throws {
        try Self.check(images, group)
    }

    static func check(_ images: [ImageSpec], _ group: GroupSpec) throws {
        guard let other = images.first(where: { $0.namespace != group.namespace }) else { return }
        throw ValidationError("the image \(other) is in another namespace than the group \(group)")
    }

    func run() async throws {
        try await connection.withClient { client in
            try await ForEach(images).delete { try await client.removeImage($0, from: group, dryRun) }
        }
    }
}
