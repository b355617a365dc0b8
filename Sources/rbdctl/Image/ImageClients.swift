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
            MANAGED locks belong to librbd itself, and end with the client that holds them. OWN locks belong to the \
            service, which is working on the image.
            """,
        aliases: ["ls"]
    )

    @Argument(help: "The image: pool/image, pool/namespace/image or image.", transform: Read.imageSpec)
    var spec: ImageSpec

    @OptionGroup var options: ShowOptions

    func run() async throws {
        try await options.list { try await $0.locks(on: spec) }
    }
}

struct ImageLockBreak: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "break",
        abstract: "Break a client's lock.",
        discussion: """
            Ceph shuts the client out of the cluster: the client loses everything that it has open. So this must be \
            confirmed: with --yes, or on the terminal. Prints the client's name.
            """
    )

    @Argument(help: "The image: pool/image, pool/namespace/image or image.", transform: Read.imageSpec)
    var spec: ImageSpec

    @Argument(help: "The client that holds the lock, such as client.4123.", transform: Read.clientName)
    var client: String

    @Option(help: "The cookie of the lock, if the client holds several.")
    var cookie: String?

    @OptionGroup var eviction: EvictionOptions

    func run() async throws {
        try await eviction.run(client, "breaking a lock", of: .lock) { service, dryRun in
            try await service.breakLock(on: spec, heldBy: client, cookie: cookie, dryRun)
        }
    }
}

struct ImageWatcherList: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "list",
        abstract: "List the clients that have an image open.",
        discussion: "OWN marks the service itself, which is working on the image.",
        aliases: ["ls"]
    )

    @Argument(help: "The image: pool/image, pool/namespace/image or image.", transform: Read.imageSpec)
    var spec: ImageSpec

    @OptionGroup var options: ShowOptions

    func run() async throws {
        try await options.list { try await $0.watchers(of: spec) }
    }
}

struct ImageWatcherEvict: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "evict",
        abstract: "Shut out a client that has an image open.",
        discussion: """
            The client loses its access to the cluster, and everything that it has open, for an hour unless the \
            cluster is configured otherwise. So this must be confirmed: with --yes, or on the terminal. Prints the \
            client's name when it is gone.
            """
    )

    @Argument(help: "The image: pool/image, pool/namespace/image or image.", transform: Read.imageSpec)
    var spec: ImageSpec

    @Argument(help: "The client, such as client.4123.", transform: Read.clientName)
    var client: String

    @OptionGroup var eviction: EvictionOptions

    func run() async throws {
        try await eviction.run(client, "evicting a client", of: .watcher) { service, dryRun in
            try await service.evict(client, from: spec, dryRun)
        }
    }
}

/// The options of commands that shut a client out of the cluster.
struct EvictionOptions: ParsableArguments {
    @Flag(help: "Do not ask for confirmation.")
    var yes = false

    @OptionGroup var dryRun: DryRunOptions
    @OptionGroup var connection: ConnectionOptions

    /// Asks for confirmation, and prints the client's name when the request is done.
    /// - Parameter kind: what has the client's name in the command.
    func run(
        _ client: String,
        _ what: String,
        of kind: Remedy.Kind,
        _ action: (APIClient, DryRunOptions) async throws -> Plan?
    ) async throws {
        try confirm(client, what, kind)
        if let plan = try await connection.withClient({ try await action($0, dryRun) }) {
            return try Console.output.write(plan, as: .table)
        }
        try Console.output.write(Escaping.name(client) + "\n")
    }

    private func confirm(_ client: String, _ what: String, _ kind: Remedy.Kind) throws {
        if yes || dryRun.dryRun { return }
        let shown = Escaping.terminal(client)
        let confirmation = Confirmation(
            reason: "\(what) shuts \(shown) out of the cluster and must be confirmed with --yes",
            remedy: .confirm(client, of: kind),
            question:
                "This shuts \(shown) out of the cluster: it loses everything that it has open. Type \(shown) to continue",
            refusal: "that is not the client's name; nothing was changed"
        )
        try confirmation.ask { $0 == client }
    }
}

extension Read {
    @Sendable static func clientName(_ text: String) throws -> String {
        try checked(text.nonEmpty, "write a client as Ceph does, such as client.4123")
    }
}
