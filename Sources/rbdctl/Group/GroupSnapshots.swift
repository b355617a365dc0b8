// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

internal import ArgumentParser
import Naming
internal import RBDAPI

struct GroupSnapshotCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "snapshot",
        abstract: "The snapshots of a group.",
        subcommands: [
            GroupSnapshotList.self, GroupSnapshotCreate.self, GroupSnapshotRollback.self, GroupSnapshotDelete.self,
        ],
        aliases: ["snap"]
    )
}

struct GroupSnapshotList: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "list",
        abstract: "List the snapshots of a group.",
        aliases: ["ls"]
    )

    @Argument(help: "The group: pool/group, pool/namespace/group or group.", transform: Read.groupSpec)
    var group: GroupSpec

    @OptionGroup var options: ShowOptions

    func run() async throws {
        try await options.list { try await $0.snapshots(of: group) }
    }
}

struct GroupSnapshotCreate: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "create",
        abstract: "Take a snapshot of all images of a group at one moment.",
        discussion: "Prints the snapshot's spec. Clients may have the images open."
    )

    @Argument(help: "The snapshot: pool/group@snapshot.", transform: Read.groupSnapshotSpec)
    var snapshot: GroupSnapshotSpec

    @OptionGroup var options: ChangeOptions

    func run() async throws {
        try await options.change { try await $0.createSnapshot(snapshot, $1) }
    }
}

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

struct GroupSnapshotDelete: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "delete",
        abstract: "Delete snapshots of groups.",
        discussion: "Prints the spec of each deleted snapshot.",
        aliases: ["rm"]
    )

    @Argument(help: "The snapshots: pool/group@snapshot.", transform: Read.groupSnapshotSpec)
    var snapshots: [GroupSnapshotSpec]

    @OptionGroup var options: DeletionOptions

    func run() async throws {
        try await options.delete(snapshots) { try await $0.deleteSnapshot($1, $2) }
    }
}
