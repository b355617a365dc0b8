// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

internal import ArgumentParser
import Naming
internal import RBDAPI

struct ImageGet: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "get",
        abstract: "Show images.",
        discussion: "One image is an object in JSON and YAML, several are an array."
    )

    @Argument(help: "The images: pool/image, pool/namespace/image or image.", transform: Read.imageSpec)
    var specs: [ImageSpec]

    @OptionGroup var identity: ByIDOptions
    @OptionGroup var details: ImageDetailsOptions
    @OptionGroup var connection: ConnectionOptions
    @OptionGroup var format: OutputOptions

    func run() async throws {
        if specs.count == 1 {
            let image = try await connection.withClient {
                try await $0.image(specs[0], byID: identity.byID, fields: details.with)
            }
            return try Console.output.write(format.output.render(image))
        }
        let (images, failures) = try await connection.withClient { client in
            var images: [Image] = []
            let failures = try await ForEach(specs).run {
                images.append(try await client.image($0, byID: identity.byID, fields: details.with))
            }
            return (images, failures)
        }
        if let failures, images.isEmpty { throw failures }
        try Console.output.write(format.output.render(images, detailed: true))
        if let failures { throw failures }
    }
}
