// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

internal import ArgumentParser
internal import RBDAPI

struct SnapshotRollback: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "rollback",
        abstract: "Make an image again what it was when a snapshot was taken.",
        discussion: """
            What was written since is lost, so that the snapshot's name must be given a second time: with --confirm, or \
            when asked for on a terminal. An image that a client has open is left alone. Prints the image's spec.
            """
    )

    @Argument(help: "The snapshot: pool/image@snapshot.", transform: Read.snapshotSpec)
    var spec: SnapshotSpec

    @Option(help: ArgumentHelp("The snapshot's name again, without the image.", valueName: "name"))
    var confirm: String?

    @OptionGroup var dryRun: DryRunOptions
    @OptionGroup var connection: ConnectionOptions
    @OptionGroup var format: CreatedOutputOptions

    func validate() throws {
        guard confirm == nil || confirm == spec.snapshot else {
            throw ValidationError("--confirm must repeat the snapshot's name; nothing was changed")
        }
    }

    func run() async throws {
        if confirm == nil, !dryRun.dryRun { try confirmOnTerminal() }
        let outcome = try await connection.withClient { try await $0.rollBack(to: spec, dryRun) }
        try Console.output.write(outcome, as: format.output)
    }

    private func confirmOnTerminal() throws {
        let (image, name) = (Escaping.terminal(spec.image.description), Escaping.terminal(spec.snapshot))
        guard Console.isInteractive else {
            throw Failure(
                .usage,
                "rolling an image back must be confirmed: repeat the snapshot's name with --confirm",
                hint: "rbdctl snapshot rollback \(image)@\(name) --confirm \(name)"
            )
        }
        let answer = Console.ask("This destroys what was written to \(image) since \(name). Type \(name) to go on: ")
        guard answer == spec.snapshot else {
            throw Failure(.usage, "that is not the snapshot's name; nothing was changed")
        }
    }
}
