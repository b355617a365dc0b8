// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

internal import ArgumentParser
import Naming
internal import RBDAPI
internal import YAML

struct KubernetesAdopt: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "adopt",
        abstract: "Make an existing image a volume of Kubernetes.",
        discussion: """
            Enters the image into the journal of the Ceph CSI driver, so that the driver treats it as its own: it can \
            be grown, snapshotted and cloned. The image is not renamed, copied or changed, and may be in use. Prints \
            the PersistentVolume and the claim as YAML, with the size of the image and the reclaim policy Retain.

            The same command may be repeated, and prints the same. `rbdctl kubernetes release` takes it back.

            With --static, the volume is a static one, which the driver can only mount: the journal is not changed. \
            The service's controller can grow it, and move its image to the trash with it.
            """
    )

    @Argument(help: "The image: pool/image, pool/namespace/image or image.", transform: Read.imageSpec)
    var spec: ImageSpec

    @Option(
        help: ArgumentHelp("The claim that gets the volume.", valueName: "namespace/name"),
        transform: Read.claim
    )
    var claim: ClaimName

    @Option(
        name: .customLong("claim-uid"),
        help: "The claim's UID, if it exists already, or if two Kubernetes clusters share the pool."
    )
    var claimUID: String?

    @Flag(name: .customLong("static"), help: "Make a static volume.")
    var isStatic = false

    @Flag(help: "Apply the objects with kubectl instead of printing them.")
    var apply = false

    @Option(
        name: .customLong("encryption-kms-id"),
        help: "The key management service of an image that the driver has encrypted."
    )
    var encryptionKMSID: String?

    @Option(help: "block or file. (default: block)")
    var encryptionType: String?

    @OptionGroup var terms: VolumeTermOptions
    @OptionGroup var dryRun: DryRunOptions
    @OptionGroup var connection: ConnectionOptions

    var request: AdoptImageRequest {
        var request = AdoptImageRequest(claimNamespace: claim.namespace, claimName: claim.name)
        request.claimUID = claimUID
        request.isStatic = isStatic ? true : nil
        (request.encryptionKMSID, request.encryptionType) = (encryptionKMSID, encryptionType)
        terms.set(&request)
        return request
    }

    func run() async throws {
        // Looked for first, so that nothing is changed without it.
        let kubectl = apply && !dryRun.dryRun ? try Kubectl.find() : nil
        let change = try await connection.withClient { try await $0.adopt(spec, request, dryRun) }
        switch change {
        case .planned(let plan): try Console.output.write(plan, as: .table)
        case .done(let volume):
            volume.warn()
            guard let kubectl else { return try Console.output.write(volume.manifest) }
            try kubectl.apply(volume.manifest)
        }
    }
}

extension KubernetesVolume {
    /// The PersistentVolume, and the claim if it is known, as YAML documents.
    var manifest: String {
        get throws {
            var documents = [try YAMLEncoder.encode(persistentVolume)]
            if let persistentVolumeClaim { documents.append(try YAMLEncoder.encode(persistentVolumeClaim)) }
            return documents.joined(separator: "---\n")
        }
    }

    /// Reports on stderr what the volume can't do.
    func warn() {
        for warning in warnings { Console.errors.report("rbdctl: warning: \(Escaping.terminal(warning))\n") }
    }
}
