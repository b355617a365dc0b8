// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

internal import ArgumentParser
internal import RBDAPI

struct GroupSnapshotRollback: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "rollback",
        abstract: "Take the images of a group back to a snapshot.",
        discussion: """
            What was written to them since is lost. The snapshot's name must be given a second time: with --confirm, or \
            when asked for on a terminal. Refused while a client has one of the images open.
            """
    )

    @Argument(help: "The snapshot: pool/group@snapshot.", transform: Read.groupSnapshotSpec)
    var snapshot: GroupSnapshotSpec

    @Option(help: ArgumentHelp("The snapshot's name again.", valueName: "name"))
    var confirm: String?

    @OptionGroup var dryRun: DryRunOptions
    @OptionGroup var connection: ConnectionOptions
    @OptionGroup var format: CreatedOutputOptions

    func validate() throws {
        guard confirm == nil || confirm == snapshot.snapshot else {
            throw ValidationError("--confirm must repeat the snapshot's name; nothing was rolled back")
        }
    }

    func run() async throws {
        if confirm == nil, !dryRun.dryRun { try confirmOnTerminal() }
        let done = try await connection.withClient { try await $0.rollBack(to: snapshot, dryRun) }
        try Console.output.write(done, as: format.output)
    }

    private func confirmOnTerminal() throws {
        let shown = Escaping.terminal(snapshot.snapshot)
        guard Console.isInteractive else {
            throw Failure(
                .usage,
                "a rollback must be confirmed: repeat the snapshot's name with --confirm",
                hint: "rbdctl group snapshot rollback \(Escaping.terminal(snapshot.description)) --confirm \(shown)"
            )
        }
        let answer = Console.ask("What was written since \(shown) will be lost. Type the snapshot's name to go on: ")
        guard answer == snapshot.snapshot else {
            throw Failure(.usage, "that is not the snapshot's name; nothing was rolled back")
        }
    }
}
