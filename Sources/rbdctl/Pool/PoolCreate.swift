// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

internal import ArgumentParser
internal import RBDAPI

struct PoolCreate: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "create",
        abstract: "Create a replicated pool that is ready for RBD.",
        discussion: "Prints the pool's name. What is left out is the cluster's default."
    )

    /// Ceph's `pg_autoscale_mode`.
    enum Autoscale: String, CaseIterable, ExpressibleByArgument, Sendable {
        case on, off, warn
    }

    @Argument(help: "The pool's name.", transform: Read.poolName)
    var name: String

    @Option(help: ArgumentHelp("The number of placement groups; a power of two is best.", valueName: "n"))
    var pgNum: Int?

    @Option(help: ArgumentHelp("The number of copies to keep.", valueName: "n"))
    var size: Int?

    @Option(help: "Whether Ceph adapts the number of placement groups.")
    var autoscale: Autoscale?

    @OptionGroup var connection: ConnectionOptions
    @OptionGroup var format: CreatedOutputOptions

    func run() async throws {
        let request = CreatePoolRequest(name: name, pgNum: pgNum, size: size, autoscale: autoscale?.rawValue)
        let pool = try await connection.withClient { try await $0.createPool(request) }
        try Console.output.write(format.output.render(pool))
    }
}
