// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

internal import ArgumentParser
import Naming
internal import RBDAPI

struct KubernetesManifest: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "manifest",
        abstract: "Print the PersistentVolume and the claim of an image.",
        discussion: """
            For the day when the Kubernetes cluster must be rebuilt. Reads what Ceph has: an adoption of the service, \
            or the journal of the CSI driver, and the names that the driver writes to images if it runs with \
            --setmetadata. What Ceph does not have, such as the StorageClass and the Secrets, is given by options; \
            for adopted images, the options replace what the adoption was told.
            """
    )

    @Argument(help: "The image: pool/image, pool/namespace/image or image.", transform: Read.imageSpec)
    var spec: ImageSpec

    @Option(
        help: ArgumentHelp(
            "The claim, if Ceph does not know it, or if another one is to get the volume.",
            valueName: "namespace/name"
        ),
        transform: Read.claim
    )
    var claim: ClaimName?

    @OptionGroup var terms: VolumeTermOptions
    @OptionGroup var connection: ConnectionOptions

    func run() async throws {
        let query: Transport.Query = terms.query + [("claimNamespace", claim?.namespace), ("claimName", claim?.name)]
        let volume = try await connection.withClient { try await $0.volume(of: spec, query) }
        volume.warn()
        try Console.output.write(volume.manifest)
    }
}

struct KubernetesRelease: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "release",
        abstract: "Take the adoption of images back.",
        discussion: """
            Removes from the journal of the CSI driver what `rbdctl kubernetes adopt` has written, and nothing else. \
            The images stay as they are. Delete the claim and the PersistentVolume first: the driver could no longer \
            grow or snapshot the volume. Refused if the driver has made snapshots or clones of it, or has made the \
            volume itself. Prints the spec of each image.
            """
    )

    @Argument(help: "The images: pool/image, pool/namespace/image or image.", transform: Read.imageSpec)
    var specs: [ImageSpec]

    @OptionGroup var options: DeletionOptions

    func run() async throws {
        try await options.delete(specs) { client, spec, dryRun in try await client.release(spec, dryRun) }
    }
}
