// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

internal import ArgumentParser
import Naming
internal import RBDAPI

struct ImageLockCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "lock",
        abstract: "The locks of images.",
        subcommands: [ImageLockList.self, ImageLockBreak.self]
    )
}

struct ImageWatcherCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "watcher",
        abstract: "The clients that have images open.",
        subcommands: [ImageWatcherList.self, ImageWatcherEvict.self]
    )
}

struct ImageLockList: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "list",
        abstract: "List the locks of an image.",
        discussion: """
            MANAGED are those of librbd itself, which go with the client that holds them. OWN is what the service holds for \
            its own work on the image.
            """,
        aliases: ["ls"]
    )

    @Argument(help: "The image: pool/image, pool/namespace/image or image.", transform: Read.imageSpec)
    var spec: ImageSpec

    @OptionGroup var connection: ConnectionOptions
    @OptionGroup var format: OutputOptions

    func run() async throws {
        let locks = try await connection.withClient { try await $0.locks(on: spec) }
        try Console.output.write(format.output.render(locks))
    }
}

struct ImageLockBreak: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "break",
        abstract: "Take a lock from the client that holds it.",
        discussion: """
            Ceph shuts that client out of the cluster with all that it has open, so this must be confirmed: with --yes, or \
            when asked on a terminal. Prints the client's name.
            """
    )

    @Argument(help: "The image: pool/image, pool/namespace/image or image.", transform: Read.imageSpec)
    var spec: ImageSpec

    @Argument(help: "The client that holds it, such as client.4123.", transform: Read.clientName)
    var client: String

    @Option(help: "Which lock it is, where the client holds several.")
    var cookie: String?

    @OptionGroup var eviction: EvictionOptions

    func run() async throws {
        let command = "rbdctl image lock break \(spec) \(client)"
        try await eviction.run(client, "breaking a lock", command) { service, dryRun in
            try await service.breakLock(on: spec, heldBy: client, cookie: cookie, dryRun)
        }
    }
}

struct ImageWatcherList: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "list",
        abstract: "List the clients that have an image open.",
        discussion: "OWN is the service itself, at work on the image.",
        aliases: ["ls"]
    )

    @Argument(help: "The image: pool/image, pool/namespace/image or image.", transform: Read.imageSpec)
    var spec: ImageSpec

    @OptionGroup var connection: ConnectionOptions
    @OptionGroup var format: OutputOptions

    func run() async throws {
        let watchers = try await connection.withClient { try await $0.watchers(of: spec) }
        try Console.output.write(format.output.render(watchers))
    }
}

struct ImageWatcherEvict: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "evict",
        abstract: "Shut out a client that has an image open.",
        discussion: """
            The client loses the cluster with all that it has open, for an hour unless the cluster says otherwise, so this \
            must be confirmed: with --yes, or when asked on a terminal. Prints the client's name when it is gone.
            """
    )

    @Argument(help: "The image: pool/image, pool/namespace/image or image.", transform: Read.imageSpec)
    var spec: ImageSpec

    @Argument(help: "The client, such as client.4123.", transform: Read.clientName)
    var client: String

    @OptionGroup var eviction: EvictionOptions

    func run() async throws {
        let command = "rbdctl image watcher evict \(spec) \(client)"
        try await eviction.run(client, "evicting a client", command) { service, dryRun in
            try await service.evict(client, from: spec, dryRun)
        }
    }
}

/// Of commands that shut a client out of the cluster.
struct EvictionOptions: ParsableArguments {
    @Flag(help: "Do not ask.")
    var yes = false

    @OptionGroup var dryRun: DryRunOptions
    @OptionGroup var connection: ConnectionOptions

    /// Asks, and prints the client's name when it is done.
    /// - Parameter command: what is to be repeated with --yes where nobody can be asked.
    func run(
        _ client: String,
        _ what: String,
        _ command: String,
        _ action: (APIClient, DryRunOptions) async throws -> Plan?
    ) async throws {
        try confirm(client, what, command)
        if let plan = try await connection.withClient({ try await action($0, dryRun) }) {
            return try Console.output.write(plan, as: .table)
        }
        try Console.output.write(Escaping.name(client) + "\n")
    }

    private func confirm(_ client: String, _ what: String, _ command: String) throws {
        if yes || dryRun.dryRun { return }
        let shown = Escaping.terminal(client)
        guard Console.isInteractive else {
            throw Failure(
                .usage,
                "\(what) shuts \(shown) out of the cluster and must be confirmed with --yes",
                hint: "\(Escaping.terminal(command)) --yes"
            )
        }
        let answer = Console.ask(
            "This shuts \(shown) out of the cluster, with all that it has open. Type \(shown) to go on: "
        )
        guard answer == client else {
            throw Failure(.usage, "that is not the client's name; nothing was changed")
        }
    }
}

extension Read {
    @Sendable static func clientName(_ text: String) throws -> String {
        guard !text.isEmpty else { throw ValidationError("a client is written as Ceph does, such as client.4123") }
        return text
    }
}
