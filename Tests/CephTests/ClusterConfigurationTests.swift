// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

import Testing

@testable import Ceph

struct CephArgumentsTests {
    @Test(
        arguments: [
            (["--id", "kube"], "client.kube"),
            (["--id=kube"], "client.kube"),
            (["--user", "kube"], "client.kube"),
            (["-n", "client.kube"], "client.kube"),
            (["--name", "client.kube"], "client.kube"),
        ]
    )
    func identityIsLiftedOut(arguments: [String], entity: String) throws {
        let parsed = try CephArguments(arguments + ["--mon-host", "10.0.0.1"])
        #expect(parsed.entity == entity)
        #expect(parsed.rest == ["--mon-host", "10.0.0.1"])
    }

    @Test func fileAndClusterAreLiftedOut() throws {
        let parsed = try CephArguments(["-c", "/a.conf", "--cluster", "west", "--keyring=/k"])
        #expect(parsed.configFile == "/a.conf")
        #expect(parsed.cluster == "west")
        #expect(parsed.rest == ["--keyring=/k"])
    }

    @Test func aTextIsSplitAtWhiteSpace() throws {
        let parsed = try CephArguments(splitting: "  --id kube\t--mon_host=10.0.0.1\n")
        #expect(parsed.entity == "client.kube")
        #expect(parsed.rest == ["--mon_host=10.0.0.1"])
    }

    @Test func aMissingValueIsRefused() {
        let error = #expect(throws: CephError.self) { try CephArguments(["--keyring", "/k", "--id"]) }
        #expect(error?.code == .invalidConfiguration)
        #expect(error?.detail == "--id needs a value")
    }
}

/// librados can read all of this without a cluster.
struct ClusterConfigurationTests {
    @Test func missingFile() {
        let error = #expect(throws: CephError.self) {
            try Cluster.validate(ClusterConfiguration(configFile: "/nonexistent/ceph.conf"))
        }
        #expect(error?.code == .invalidConfiguration)
        #expect(error?.description.contains("\"/nonexistent/ceph.conf\" does not exist") == true)
    }

    @Test func unknownOption() {
        let error = #expect(throws: CephError.self) {
            try Cluster.validate(ClusterConfiguration(configFile: "/dev/null", options: ["rbd_colour": "red"]))
        }
        #expect(error?.description.contains("rbd_colour: there is no such option") == true)
    }

    @Test func badValue() {
        let error = #expect(throws: CephError.self) {
            try Cluster.validate(ClusterConfiguration(configFile: "/dev/null", options: ["rbd_default_order": "big"]))
        }
        #expect(error?.code == .invalidConfiguration)
    }

    @Test func unknownArgument() {
        let error = #expect(throws: CephError.self) {
            try Cluster.validate(ClusterConfiguration(configFile: "/dev/null", arguments: ["--mon-hots", "10.0.0.1"]))
        }
        #expect(error?.description.contains("--mon-hots 10.0.0.1 is not known to Ceph") == true)
    }

    @Test func theFirstArgumentCounts() throws {
        // rados_conf_parse_argv skips the first argument, because it takes it for the program's name.
        let error = #expect(throws: CephError.self) {
            try Cluster.validate(ClusterConfiguration(configFile: "/dev/null", arguments: ["--nonsense"]))
        }
        #expect(error?.description.contains("--nonsense") == true)
        try Cluster.validate(ClusterConfiguration(configFile: "/dev/null", arguments: ["--mon-host", "127.0.0.1"]))
    }
}
