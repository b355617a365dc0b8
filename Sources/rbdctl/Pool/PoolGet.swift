// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

internal import ArgumentParser

struct PoolGet: AsyncParsableCommand {
    static let configuration = CommandConfiguration(commandName: "get", abstract: "Show a pool.")

    @Argument(help: "The pool's name.", transform: Read.poolName)
    var name: String

    @OptionGroup var connection: ConnectionOptions
    @OptionGroup var format: OutputOptions

    func run() async throws {
        let pool = try await connection.withClient { try await $0.pool(name) }
        try Console.output.write(format.output.render(pool))
    }
}
