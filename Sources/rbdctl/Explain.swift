// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

internal import ArgumentParser
import Naming
internal import RBDAPI

struct Explain: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "explain",
        abstract: "Show why an image can't be deleted, and what to do about it.",
        discussion: """
            Lists everything that uses the image, and the steps that free it, in an order that works. Changes \
            nothing. Exits with 0 if nothing blocks the deletion, and with 3 otherwise. If the image is in the \
            trash, it says how to restore it, and exits with 2.
            """
    )

    @Argument(help: "The image: pool/image, pool/namespace/image or image.", transform: Read.imageSpec)
    var spec: ImageSpec

    @OptionGroup var connection: ConnectionOptions
    @OptionGroup var format: OutputOptions

    func run() async throws {
        let plan = try await connection.withClient { try await planToDelete($0) }
        if format.output == .table {
            let subject = Escaping.terminal(spec.description)
            try Console.output.write(
                plan.allowed
                    ? "\(subject) can be deleted: nothing uses it\n"
                    : "\(subject) can't be deleted as it is\n\n"
            )
            if plan.allowed { return }
        }
        try Console.output.write(format.output.render(plan))
        if !plan.allowed { throw ReportedFailures(status: .conflict) }
    }

    /// - Throws: ``Failure``, which says so if the image is in the trash.
    private func planToDelete(_ client: APIClient) async throws -> Plan {
        do {
            return try await client.planToDelete(spec)
        } catch let failure as Failure where failure.code == .imageNotFound {
            // A caller who may not list the trash gets the first error.
            guard let found = try? await client.trashEntries(named: spec), !found.isEmpty else { throw failure }
            throw Failure(inTrash: spec, found)
        }
    }
}
