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
            Prints the image's spec. Options that are left out take the defaults of the pool or the cluster. Write \
            sizes in bytes or with a binary unit: 10GiB, 512MiB, 1.5TiB.

            If an image of that name exists, the command fails (exit code 3). With --if-not-exists it succeeds if the \
            image matches the options exactly, so it can be repeated safely. If the image differs, the command still \
            fails, and lists the differences.
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
        help: ArgumentHelp(
            "The number of bytes that are written to one object before the next follows.",
            valueName: "size"
        ),
        transform: Read.size
    )
    var stripeUnit: ByteCount?

    @Option(help: ArgumentHelp("The number of objects to stripe the data over.", valueName: "n"))
    var stripeCount: UInt64?

    @Option(help: ArgumentHelp("The pool that holds the data.", valueName: "pool"), transform: Read.poolName)
    var dataPool: String?

    @Flag(help: "Succeed if the image exists and matches exactly (PUT, which is idempotent).")
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
            try await client.createImage(spec, properties, mayExist: ifNotExists)
        }
        try Console.output.write(image, as: format.output)
    }
}

struct ImageClone: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "clone",
        abstract: "Clone a snapshot.",
        discussion: """
            Prints the clone's spec. The clone has the snapshot's size, and needs the snapshot until it is flattened. \
            Options that are left out take the values of the cloned image. The snapshot need not be protected.

            If an image of that name exists, the command fails (exit code 3). With --if-not-exists it succeeds if the \
            image is a clone of exactly that snapshot.
            """
    )

    @Argument(help: "The snapshot to clone: pool/image@snapshot.", transform: Read.snapshotSpec)
    var source: SnapshotSpec

    @Argument(help: "The clone: pool/image, pool/namespace/image or image.", transform: Read.imageSpec)
    var spec: ImageSpec

    @Option(help: ArgumentHelp("The features, separated by commas. They must include layering.", valueName: "a,b"))
    var features: String?

    @Option(
        help: ArgumentHelp("The size of the image's objects: a power of two, 4KiB to 32MiB.", valueName: "size"),
        transform: Read.size
    )
    var objectSize: ByteCount?

    @Option(help: ArgumentHelp("The pool that holds the data.", valueName: "pool"), transform: Read.poolName)
    var dataPool: String?

    @Flag(help: "Succeed if the image exists and matches exactly (PUT, which is idempotent).")
    var ifNotExists = false

    @OptionGroup var options: ChangeOptions

    var properties: ImageProperties {
        ImageProperties(
            source: ImageSource(
                pool: source.image.pool,
                namespace: source.image.namespace,
                image: source.image.image,
                snapshot: source.snapshot
            ),
            features: features.map { $0.split(separator: ",").map(String.init) },
            objectSize: objectSize,
            dataPool: dataPool
        )
    }

    func run() async throws {
        try await options.change { try await $0.createImage(spec, properties, mayExist: ifNotExists, $1) }
    }
}
