// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

internal import ArgumentParser

struct ClusterCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "cluster",
        abstract: "The Ceph cluster behind the service.",
        subcommands: [ClusterGet.self]
    )
}

struct ClusterGet: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "get",
        abstract: "Show the cluster's fsid, version, health and capacity.",
        discussion: "With -o name, the fsid."
    )

    @OptionGroup var options: ShowOptions

    func run() async throws {
        try await options.show { try await $0.cluster() }
    }
}
