// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

internal import ArgumentParser
internal import RBDAPI

struct PoolSet: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "set",
        abstract: "Change a pool.",
        discussion: """
            Shows the changed pool. Settings that are left out stay as they are. Ceph makes the changes one by one, \
            the new name last. If one fails, the changes before it stay.

            A new name does not affect images: those in other pools that have their data or their parent in this pool \
            refer to it by its number. Everything that refers to the pool by name must be updated: caps of Ceph users, \
            storage classes, scripts.
            """
    )

    @Argument(help: "The pool's name.", transform: Read.poolName)
    var pool: String

    @Option(
        help: ArgumentHelp(
            "The maximum number of bytes in the pool, such as 10GiB; 0 for no limit.",
            valueName: "size"
        ),
        transform: Read.size
    )
    var quotaBytes: ByteCount?

    @Option(help: ArgumentHelp("The maximum number of RADOS objects in the pool; 0 for no limit.", valueName: "n"))
    var quotaObjects: UInt64?

    @Option(help: ArgumentHelp("The number of copies to keep.", valueName: "n"))
    var size: Int?

    @Option(help: ArgumentHelp("The number of copies that must be available to serve I/O.", valueName: "n"))
    var minSize: Int?

    @Option(help: ArgumentHelp("The number of placement groups, preferably a power of two.", valueName: "n"))
    var pgNum: Int?

    @Option(help: "Whether Ceph adjusts the number of placement groups.")
    var autoscale: PoolCreate.Autoscale?

    @Option(help: ArgumentHelp("rbd makes the pool ready for RBD.", valueName: "rbd"))
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
            throw ValidationError("name a setting to change, such as --quota-bytes 10GiB")
        }
    }

    func run() async throws {
        let changed = try await connection.withClient { try await $0.updatePool(pool, request, dryRun) }
        try Console.output.write(changed, as: format.output)
    }
}
