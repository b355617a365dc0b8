// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

internal import ArgumentParser
import Naming
internal import RBDAPI

struct Explain: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "explain",
        abstract: "Tell why an image can't be deleted, and what to do about it.",
        discussion: """
            Lists who and what holds on to the image, and the steps that free it, in an order that works. Changes \
            nothing. Ends with 0 where nothing is in the way, and with 3 where something is.
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
                    ? "\(subject) can be deleted: nothing holds on to it\n"
                    : "\(subject) can't be deleted as it is\n\n"
            )
            if plan.allowed { return }
        }
        try Console.output.write(format.output.render(plan))
        if !plan.allowed { throw ReportedFailures(status: .conflict) }
    }
}
