// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

internal import ArgumentParser
import Naming
internal import RBDAPI

struct SnapshotRollback: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "rollback",
        abstract: "Roll an image back to a snapshot.",
        discussion: """
            Everything written since the snapshot is lost. So the snapshot's name must be given again: with --confirm, \
            or on the terminal. The rollback is refused while a client has the image open. Once it has begun, it can't \
            be cancelled. Prints the image's spec when it is done; with --no-wait, the operation's id.
            """
    )

    @Argument(help: "The snapshot: pool/image@snapshot.", transform: Read.snapshotSpec)
    var spec: SnapshotSpec

    @Option(help: ArgumentHelp("The snapshot's name again, without the image.", valueName: "name"))
    var confirm: String?

    @OptionGroup var options: WorkOptions

    func validate() throws {
        guard confirm == nil || confirm == spec.snapshot else {
            throw ValidationError("--confirm must repeat the snapshot's name; nothing was changed")
        }
    }

    func run() async throws {
        let isDryRun = options.rehearsal.dryRun
        if confirm == nil, !isDryRun { try confirmOnTerminal() }
        try await options.run(
            ["snapshots", spec.snapshot, "rollback"],
            on: spec.image,
            query: [("confirm", isDryRun ? nil : spec.snapshot)]
        )
    }

    private func confirmOnTerminal() throws {
        let (image, name) = (Escaping.terminal(spec.image.description), Escaping.terminal(spec.snapshot))
        let confirmation = Confirmation(
            reason: "a rollback must be confirmed: repeat the snapshot's name with --confirm",
            remedy: .confirm(spec.snapshot, of: .snapshot),
            question: "This destroys everything written to \(image) since \(name). Type \(name) to continue",
            refusal: "that is not the snapshot's name; nothing was changed"
        )
        try confirmation.ask { $0 == spec.snapshot }
    }
}
