// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

internal import ArgumentParser
import Naming
internal import RBDAPI

struct NamespaceCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "namespace",
        abstract: "Namespaces, which divide a pool.",
        subcommands: [NamespaceList.self, NamespaceGet.self, NamespaceCreate.self, NamespaceDelete.self]
    )
}

struct NamespaceList: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "list",
        abstract: "List the namespaces of a pool.",
        aliases: ["ls"]
    )

    @Argument(
        help: ArgumentHelp("The pool. (default: \(ImageSpec.defaultPool))", valueName: "pool"),
        transform: Read.poolName
    )
    var pool: String?

    @OptionGroup var connection: ConnectionOptions
    @OptionGroup var format: OutputOptions

    func run() async throws {
        let namespaces = try await connection.withClient { client in
            try await client.namespaces(in: pool ?? ImageSpec.defaultPool)
        }
        try Console.output.write(format.output.render(namespaces))
    }
}

struct NamespaceGet: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "get",
        abstract: "Show a namespace and the number of objects in it."
    )

    @Argument(help: "The namespace: pool/namespace.", transform: Read.namespaceSpec)
    var folder: ImageFolder

    @OptionGroup var connection: ConnectionOptions
    @OptionGroup var format: OutputOptions

    func run() async throws {
        let namespace = try await connection.withClient { try await $0.namespace(folder) }
        try Console.output.write(format.output.render(namespace))
    }
}

struct NamespaceCreate: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "create",
        abstract: "Create a namespace.",
        discussion: "Prints pool/namespace."
    )

    @Argument(help: "The namespace: pool/namespace.", transform: Read.namespaceSpec)
    var folder: ImageFolder

    @OptionGroup var dryRun: DryRunOptions
    @OptionGroup var connection: ConnectionOptions
    @OptionGroup var format: CreatedOutputOptions

    func run() async throws {
        let outcome = try await connection.withClient { try await $0.createNamespace(folder, dryRun) }
        try Console.output.write(outcome, as: format.output)
    }
}

struct NamespaceDelete: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "delete",
        abstract: "Delete an empty namespace.",
        discussion:
            "Prints pool/namespace when it is deleted. A namespace with images, trash or groups is not deleted.",
        aliases: ["rm"]
    )

    @Argument(help: "The namespace: pool/namespace.", transform: Read.namespaceSpec)
    var folder: ImageFolder

    @OptionGroup var dryRun: DryRunOptions
    @OptionGroup var connection: ConnectionOptions

    func run() async throws {
        let plan = try await connection.withClient { try await $0.deleteNamespace(folder, dryRun) }
        if let plan { return try Console.output.write(plan, as: .table) }
        try Console.output.write(Escaping.name("\(folder.pool)/\(folder.namespace)") + "\n")
    }
}
