// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

internal import ArgumentParser
import Naming
internal import RBDAPI

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
