// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import RBDAPI

/// Measures the service beside librbd and others that do the same: once by the one, once by the other, on the same
/// cluster, so that whatever else the machine does hits all of them alike. What counts is the ratio.
@main
struct Bench: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "rbd-bench",
        abstract: "Measures the service beside librbd and others that do the same.",
        discussion: "dev/bench starts the cluster and the service, and runs this.",
        subcommands: [
            ListBench.self, GetBench.self, CreateBench.self, ClientsBench.self, PutBench.self, RemoveBench.self,
            DeleteBench.self, LiveBench.self, AuthenticationBench.self, OperationsBench.self, Report.self,
        ]
    )
}

struct Places: ParsableArguments {
    @Option(help: "Where the service is: http://127.0.0.1:PORT.")
    var server: String

    @Option(help: "An existing pool that both sides work in.")
    var pool: String

    var images: String { "/v1/pools/\(PercentEncoding.encode(pool))/images" }
}
