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

    @OptionGroup var options: ShowOptions

    func run() async throws {
        try await options.list { try await $0.namespaces(in: pool ?? ImageSpec.defaultPool) }
    }
}

struct NamespaceGet: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "get",
        abstract: "Show a namespace and the number of objects in it."
    )

    @Argument(help: "The namespace: pool/namespace.", transform: Read.namespaceSpec)
    var folder: Place

    @OptionGroup var options: ShowOptions

    func run() async throws {
        try await options.show { try await $0.namespace(folder) }
    }
}

struct NamespaceCreate: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "create",
        abstract: "Create a namespace.",
        discussion: "Prints pool/namespace."
    )

    @Argument(help: "The namespace: pool/namespace.", transform: Read.namespaceSpec)
    var folder: Place

    @OptionGroup var options: ChangeOptions

    func run() async throws {
        try await options.change { try await $0.createNamespace(folder, $1) }
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
    var folder: Place

    @OptionGroup var options: DeletionOptions

    func run() async throws {
        try await options.delete([folder]) { try await $0.deleteNamespace($1, $2) }
    }
}
