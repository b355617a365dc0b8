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
            id. What is left out is the cluster's default. An erasure-coded pool can't hold images, \
            but their data: name it with --data-pool when an image is created. It takes --erasure-code-profile, or \
            --data-chunks and --coding-chunks.
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

    @Option(help: ArgumentHelp("The number of placement groups; a power of two is best.", valueName: "n"))
    var pgNum: Int?

    @Option(help: ArgumentHelp("The number of copies to keep.", valueName: "n"))
    var size: Int?

    @Option(help: "Whether Ceph adapts the number of placement groups.")
    var autoscale: Autoscale?

    @Option(help: "How the pool keeps its data safe.")
    var type: Kind?

    @Option(help: ArgumentHelp("A profile that the cluster has.", valueName: "name"))
    var erasureCodeProfile: String?

    @Option(help: ArgumentHelp("Into how many chunks the data is cut.", valueName: "k"))
    var dataChunks: Int?

    @Option(help: ArgumentHelp("How many chunks may be lost.", valueName: "m"))
    var codingChunks: Int?

    @Option(help: ArgumentHelp("What no two chunks may share, such as osd. (default: host)", valueName: "type"))
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
