// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

internal import ArgumentParser

struct PoolCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "pool",
        abstract: "Pools, which hold images.",
        subcommands: [PoolList.self, PoolGet.self, PoolCreate.self, PoolSet.self, PoolDelete.self]
    )
}
