// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

internal import ArgumentParser
internal import RBDAPI

struct PoolCreate: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "create",
        abstract: "Create a pool that is ready for RBD.",
        discussion: """
            Waits until the pool's placement groups are active, and prints its name; with --no-wait, the operation's \
            id. Options that are left out take the cluster's defaults. An erasure-coded pool can't hold images, but it \
            can hold their data: name it with --data-pool when you create an image. It takes --erasure-code-profile, \
            or --data-chunks and --coding-chunks.
            """
    )

    /// Ceph's `pg_autoscale_mode`.
    enum Autoscale: String, CaseIterable, ExpressibleByArgument, Sendable {
        case on, off, warn
    }

    enum Kind: String, CaseIterable, ExpressibleByArgument, Sendable {
        case replicated, erasure
    }

    @Argument(help: "The pool's name.", transform: Read.poolName)
    var name: String

    @Option(help: ArgumentHelp("The number of placement groups, preferably a power of two.", valueName: "n"))
    var pgNum: Int?

    @Option(help: ArgumentHelp("The number of copies to keep.", valueName: "n"))
    var size: Int?

    @Option(help: "Whether Ceph adjusts the number of placement groups.")
    var autoscale: Autoscale?

    @Option(help: "How the pool protects its data.")
    var type: Kind?

    @Option(help: ArgumentHelp("An erasure code profile that exists in the cluster.", valueName: "name"))
    var erasureCodeProfile: String?

    @Option(help: ArgumentHelp("The number of data chunks.", valueName: "k"))
    var dataChunks: Int?

    @Option(help: ArgumentHelp("The number of coding chunks: as many chunks can be lost.", valueName: "m"))
    var codingChunks: Int?

    @Option(
        help: ArgumentHelp(
            "The failure domain that holds at most one chunk, such as osd. (default: host)",
            valueName: "type"
        )
    )
    var failureDomain: String?

    @OptionGroup var waiting: WaitOptions
    @OptionGroup var dryRun: DryRunOptions
    @OptionGroup var connection: ConnectionOptions
    @OptionGroup var format: CreatedOutputOptions

    var request: CreatePoolRequest {
        var request = CreatePoolRequest(name: name, pgNum: pgNum, size: size, autoscale: autoscale?.rawValue)
        request.type = type?.rawValue
        request.erasureCodeProfile = erasureCodeProfile
        request.dataChunks = dataChunks
        request.codingChunks = codingChunks
        request.failureDomain = failureDomain
        return request
    }

    func run() async throws {
        try await connection.withClient { client in
            switch try await client.createPool(request, dryRun) {
            case .planned(let plan): try Console.output.write(plan, as: format.output)
            case .done(let operation):
                guard let last = try await waiting.end(of: operation, client) else { return }
                try Console.output.write(format.output.render(try await client.pool(last.pool)))
            }
        }
    }
}
