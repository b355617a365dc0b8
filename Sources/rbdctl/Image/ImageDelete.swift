// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

internal import ArgumentParser
internal import RBDAPI

struct ImageDelete: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "delete",
        abstract: "Delete images.",
        discussion: """
            Prints the spec of each image that is gone. A failure does not keep the other images from being deleted.
            """,
        aliases: ["rm"]
    )

    @Argument(help: "The images: pool/image, pool/namespace/image or image.", transform: Read.imageSpec)
    var specs: [ImageSpec]

    @Flag(help: "Do not fail where an image does not exist. Its pool and namespace must.")
    var ignoreMissing = false

    @OptionGroup var connection: ConnectionOptions

    func run() async throws {
        // That nobody reads the list, or that it can't be written, must not decide which images are deleted.
        var writing = Result<Void, any Error>.success(())
        let failures = try await connection.withClient { client in
            try await ForEach(specs).run { spec in
                do {
                    try await client.deleteImage(spec)
                } catch let failure as Failure where ignoreMissing && failure.code == .imageNotFound {
                    return
                }
                writing = writing.flatMap { _ in
                    Result { try Console.output.write(Escaping.name(spec.description) + "\n") }
                }
            }
        }
        if let failures { throw failures }
        try writing.get()
    }
}
