// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

internal import ArgumentParser
internal import RBDAPI

struct PoolCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "pool",
        abstract: "Pools, which hold images.",
        subcommands: [PoolList.self, PoolGet.self, PoolCreate.self, PoolSet.self, PoolDelete.self]
    )
}

struct PoolList: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "list",
        abstract: "List the pools.",
        aliases: ["ls"]
    )

    @OptionGroup var options: ShowOptions

    func run() async throws {
        try await options.list { try await $0.pools() }
    }
}

struct PoolGet: AsyncParsableCommand {
    static let configuration = CommandConfiguration(commandName: "get", abstract: "Show a pool.")

    @Argument(help: "The pool's name.", transform: Read.poolName)
    var name: String

    @OptionGroup var options: ShowOptions

    func run() async throws {
        try await options.show { try await $0.pool(name) }
    }
}

struct PoolDelete: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "delete",
        abstract: "Delete a pool and everything in it.",
        discussion: """
            The name must be given again: with --confirm, or on the terminal. Prints the pool's name when it is \
            deleted. --dry-run shows what would be destroyed, also in other pools.
            """,
        aliases: ["rm"]
    )

    @Argument(help: "The pool's name.", transform: Read.poolName)
    var name: String

    @Option(help: ArgumentHelp("The pool's name again.", valueName: "name"))
    var confirm: String?

    @OptionGroup var options: DeletionOptions

    func validate() throws {
        guard confirm == nil || confirm == name else {
            throw ValidationError("--confirm must repeat the pool's name; nothing was deleted")
        }
    }

    func run() async throws {
        if confirm == nil, !options.dryRun.dryRun { try confirmOnTerminal() }
        try await options.delete([name]) { try await $0.deletePool($1, $2) }
    }

    private func confirmOnTerminal() throws {
        let shown = Escaping.terminal(name)
        let confirmation = Confirmation(
            reason: "deleting a pool must be confirmed: repeat its name with --confirm",
            remedy: .confirm(name, of: .pool),
            question: "This deletes the pool \(shown) and every image in it. Type its name to continue",
            refusal: "that is not the pool's name; nothing was deleted"
        )
        try confirmation.ask { $0 == name }
    }
}
