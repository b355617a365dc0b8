// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

internal import ArgumentParser
import Naming
internal import RBDAPI

struct GroupSnapshotRollback: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "rollback",
        abstract: "Roll the images of a group back to a snapshot.",
        discussion: """
            Everything written to the images since the snapshot is lost. So the snapshot's name must be given again: \
            with --confirm, or on the terminal. The rollback is refused while a client has one of the images open. \
            Once it has begun, it can't be cancelled. Prints the snapshot's spec when it is done; with --no-wait, the \
            operation's id.
            """
    )

    @Argument(help: "The snapshot: pool/group@snapshot.", transform: Read.groupSnapshotSpec)
    var snapshot: GroupSnapshotSpec

    @Option(help: ArgumentHelp("The snapshot's name again.", valueName: "name"))
    var confirm: String?

    @OptionGroup var waiting: WaitOptions
    @OptionGroup var dryRun: DryRunOptions
    @OptionGroup var connection: ConnectionOptions

    func validate() throws {
        guard confirm == nil || confirm == snapshot.snapshot else {
            throw ValidationError("--confirm must repeat the snapshot's name; nothing was rolled back")
        }
    }

    func run() async throws {
        if confirm == nil, !dryRun.dryRun { try confirmOnTerminal() }
        try await connection.withClient { client in
            switch try await client.rollBack(to: snapshot, dryRun) {
            case .planned(let plan): try Console.output.write(plan, as: .table)
            case .done(let operation):
                guard try await waiting.end(of: operation, client) != nil else { return }
                try Console.output.write(Escaping.name(snapshot.description) + "\n")
            }
        }
    }

    private func confirmOnTerminal() throws {
        let shown = Escaping.terminal(snapshot.snapshot)
        let confirmation = Confirmation(
            reason: "a rollback must be confirmed: repeat the snapshot's name with --confirm",
            remedy: .confirm(snapshot.snapshot, of: .groupSnapshot),
            question: "This destroys everything written since \(shown). Type the snapshot's name to continue",
            refusal: "that is not the snapshot's name; nothing was rolled back"
        )
        try confirmation.ask { $0 == snapshot.snapshot }
    }
}
