// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

internal import ArgumentParser
internal import RBDAPI

struct PoolSet: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "set",
        abstract: "Change a pool.",
        discussion: """
            Shows the pool as it is then. What is left out stays as it is. Ceph makes the changes one by one, the new name \
            last; where one fails, those before it stay.

            Images go by the pool's number: those of other pools that have their data or their parent here do not mind a \
            new name. Whatever names the pool does: caps of Ceph users, storage classes, scripts.
            """
    )

    @Argument(help: "The pool's name.", transform: Read.poolName)
    var pool: String

    @Option(
        help: ArgumentHelp("The most that it may hold, such as 10GiB; 0 for no limit.", valueName: "size"),
        transform: Read.size
    )
    var quotaBytes: ByteCount?

    @Option(help: ArgumentHelp("The most RADOS objects that it may hold; 0 for no limit.", valueName: "n"))
    var quotaObjects: UInt64?

    @Option(help: ArgumentHelp("The number of copies to keep.", valueName: "n"))
    var size: Int?

    @Option(help: ArgumentHelp("The number of copies without which it does not serve.", valueName: "n"))
    var minSize: Int?

    @Option(help: ArgumentHelp("The number of placement groups; a power of two is best.", valueName: "n"))
    var pgNum: Int?

    @Option(help: "Whether Ceph adapts the number of placement groups.")
    var autoscale: PoolCreate.Autoscale?

    @Option(help: ArgumentHelp("rbd: make the pool ready for RBD.", valueName: "rbd"))
    var application: String?

    @Option(help: ArgumentHelp("The pool's new name.", valueName: "name"), transform: Read.poolName)
    var name: String?

    @OptionGroup var dryRun: DryRunOptions
    @OptionGroup var connection: ConnectionOptions
    @OptionGroup var format: OutputOptions

    var request: UpdatePoolRequest {
        var request = UpdatePoolRequest()
        if quotaBytes != nil || quotaObjects != nil {
            request.quota = PoolQuotaChange(maxBytes: quotaBytes, maxObjects: quotaObjects)
        }
        request.size = size
        request.minSize = minSize
        request.pgNum = pgNum
        request.autoscale = autoscale?.rawValue
        request.application = application
        request.name = name
        return request
    }

    func validate() throws {
        guard request != UpdatePoolRequest() else {
            throw ValidationError("say what to change, such as --quota-bytes 10GiB")
        }
    }

    func run() async throws {
        let changed = try await connection.withClient { try await $0.updatePool(pool, request, dryRun) }
        try Console.output.write(changed, as: format.output)
    }
}
