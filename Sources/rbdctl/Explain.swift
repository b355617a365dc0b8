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
            Lists everything that uses the image, and the steps that free it, in an order that works. Changes nothing. \
            Exits with 0 if nothing blocks the deletion, and with 3 otherwise.
            """
    )

    @Argument(help: "The image: pool/image, pool/namespace/image or image.", transform: Read.imageSpec)
    var spec: ImageSpec

    @OptionGroup var connection: ConnectionOptions
    @OptionGroup var format: OutputOptions

    func run() async throws {
        let plan = try await connection.withClient { try await $0.planToDelete(spec) }
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
}
