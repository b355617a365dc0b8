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
            An image goes to the trash, from where `rbdctl trash restore` gives it back for a while. With --purge its \
            data is removed at once. Prints the spec of each image that is gone; with --purge --no-wait, the ids of the \
            operations that remove them. A failure does not keep the other images from being deleted.
            """,
        aliases: ["rm"]
    )

    @Argument(help: "The images: pool/image, pool/namespace/image or image.", transform: Read.imageSpec)
    var specs: [ImageSpec]

    @Flag(help: "Do not fail where an image does not exist. Its pool and namespace must.")
    var ignoreMissing = false

    @Option(
        help: ArgumentHelp(
            "How long it can be restored, such as 24h or 7d. (default: the service's)",
            valueName: "time"
        )
    )
    var delay: String?

    @Flag(help: "Remove the data at once, for ever.")
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
        guard case .purging(let operation) = deletion else {
            return .done(spec.description)
        }
        guard waiting.wait else { return .done(operation.id) }
        _ = try await OperationFollower(client: client).follow(operation)
        return .done(spec.description)
    }
}
