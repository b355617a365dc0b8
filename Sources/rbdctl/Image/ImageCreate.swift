// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

internal import ArgumentParser
import Naming
internal import RBDAPI

struct ImageCreate: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "create",
        abstract: "Create an image.",
        discussion: """
            Prints the image's spec. What is left out is the pool's or the cluster's default. Sizes are bytes or carry \
            a binary unit: 10GiB, 512MiB, 1.5TiB.

            Where an image of that name exists, the command fails (exit code 3). With --if-not-exists it succeeds if \
            the image is exactly the one asked for, so that it can be repeated safely; an image that differs still \
            fails, and the differences are listed.
            """
    )

    @Argument(help: "The image: pool/image, pool/namespace/image or image.", transform: Read.imageSpec)
    var spec: ImageSpec

    @Option(help: "The size, such as 10GiB.", transform: Read.size)
    var size: ByteCount

    @Option(help: ArgumentHelp("The features, separated by commas; \"\" for none.", valueName: "a,b"))
    var features: String?

    @Option(
        help: ArgumentHelp("The size of the image's objects: a power of two, 4KiB to 32MiB.", valueName: "size"),
        transform: Read.size
    )
    var objectSize: ByteCount?

    @Option(
        help: ArgumentHelp("How much goes to an object before the next one's turn.", valueName: "size"),
        transform: Read.size
    )
    var stripeUnit: ByteCount?

    @Option(help: ArgumentHelp("How many objects take turns.", valueName: "n"))
    var stripeCount: UInt64?

    @Option(help: ArgumentHelp("The pool that holds the data.", valueName: "pool"), transform: Read.poolName)
    var dataPool: String?

    @Flag(help: "Succeed where the image exists and is exactly so (PUT, which is idempotent).")
    var ifNotExists = false

    @OptionGroup var connection: ConnectionOptions
    @OptionGroup var format: CreatedOutputOptions

    var properties: ImageProperties {
        ImageProperties(
            size: size,
            features: features.map { $0.split(separator: ",").map(String.init) },
            objectSize: objectSize,
            stripeUnit: stripeUnit,
            stripeCount: stripeCount,
            dataPool: dataPool
        )
    }

    func run() async throws {
        let image = try await connection.withClient { client in
            ifNotExists
                ? try await client.ensureImage(spec, properties)
                : try await client.createImage(spec, properties)
        }
        try Console.output.write(format.output.render(image))
    }
}
