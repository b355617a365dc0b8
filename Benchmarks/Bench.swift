// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import RBDAPI

/// Measures the service beside librbd and other tools. They take turns on the same cluster, so that other load on the
/// machine affects all of them alike. The ratios are what counts.
@main
struct Bench: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "rbd-bench",
        abstract: "Measures the service beside librbd and other tools.",
        discussion: "dev/bench starts the cluster and the service, and runs this.",
        subcommands: [
            ListBench.self, GetBench.self, CreateBench.self, ClientsBench.self, PutBench.self, RemoveBench.self,
            DeleteBench.self, LiveBench.self, AuthenticationBench.self, OperationsBench.self, Report.self,
        ]
    )
}

struct Places: ParsableArguments {
    @Option(help: "The service's address: http://127.0.0.1:PORT.")
    var server: String

    @Option(help: "An existing pool, which all contestants use.")
    var pool: String

    var images: String { "/v1/pools/\(PercentEncoding.encode(pool))/images" }
}
