// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

internal import ArgumentParser
import Naming
internal import RBDAPI

struct ImageDelete: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "delete",
        abstract: "Delete images.",
        discussion: """
            Moves images to the trash. `rbdctl trash restore` can restore them for a limited time. With --purge the \
            data is removed immediately. Prints the spec of each deleted image; with --purge --no-wait, the ids of the \
            operations that remove them. If one image fails, the others are still deleted.
            """,
        aliases: ["rm"]
    )

    @Argument(help: "The images: pool/image, pool/namespace/image or image.", transform: Read.imageSpec)
    var specs: [ImageSpec]

    @Flag(help: "Do not fail if an image does not exist. Its pool and namespace must exist.")
    var ignoreMissing = false

    @Option(
        help: ArgumentHelp(
            "How long the image can be restored, such as 24h or 7d. (default: the service's)",
            valueName: "time"
        )
    )
    var delay: String?

    @Flag(help: "Remove the data immediately and for good.")
    var purge = false

    @OptionGroup var identity: ByIDOptions
    @OptionGroup var waiting: WaitOptions
    @OptionGroup var rehearsal: DryRunOptions
    @OptionGroup var connection: ConnectionOptions

    func validate() throws {
        guard !purge || delay == nil else { throw ValidationError("--purge and --delay exclude each other") }
    }

    func run() async throws {
        try await connection.withClient { client in
            try await ForEach(specs).delete(ignoring: ignoreMissing ? .imageNotFound : nil) { spec in
                try await delete(spec, client)
            }
        }
    }

    private func delete(_ spec: ImageSpec, _ client: APIClient) async throws -> Change<String> {
        if rehearsal.dryRun {
            return .planned(try await client.planToDelete(spec, byID: identity.byID, delay: delay, purge: purge))
        }
        let deletion = try await client.deleteImage(spec, byID: identity.byID, delay: delay, purge: purge)
        guard let operation = deletion else { return .done(spec.description) }
        guard waiting.wait else { return .done(operation.id) }
        _ = try await OperationFollower(client: client).follow(operation)
        return .done(spec.description)
    }
}
