// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

import Ceph
import Foundation
import RBDAPI
import TestSupport
import Testing

/// `rbdctl kubernetes prehook` as a program, in front of the real service and cluster.
@Suite(.tags(.cluster), .enabled(if: TestCluster.isAvailable), .timeLimit(.minutes(5)))
struct PrehookTests {
    private func manifest(_ name: String, _ pool: String, _ fsid: String, storage: String = "1Gi") -> String {
        """
        ---
        apiVersion: v1
        kind: PersistentVolume
        metadata:
          name: \(name)
        spec:
          capacity: {storage: \(storage)}
          csi:
            driver: rbd.csi.ceph.com
            volumeHandle: \(name)
            volumeAttributes: {clusterID: \(fsid), pool: \(pool), staticVolume: "true", imageFeatures: layering}

        """
    }

    @Test func everyVolumeGetsItsImage() async throws {
        try await TestServer.withCluster { server in
            try await TestCluster.withPool { pool, cluster in
                let files = try TemporaryFolder()
                let claim = "---\nkind: PersistentVolumeClaim\napiVersion: v1\n"
                try files.replace(
                    "a.yaml",
                    manifest("one", pool, cluster.fsid) + claim + manifest("two", pool, cluster.fsid)
                )
                let path = files.path("a.yaml")
                let planned = try await rbdctl(server, "kubernetes", "prehook", "-f", path, "--dry-run")
                #expect(planned.status == 0, "\(planned.standardError)")
                #expect(planned.standardOutput.contains("would be created"))
                #expect(try await TestCluster.run("rbd", ["ls", pool]).isEmpty)
                let made = try await rbdctl(server, "kubernetes", "prehook", "-f", path)
                #expect(made.status == 0, "\(made.standardError)")
                let lines = made.standardOutput.split(separator: "\n").map { $0.split(separator: " ").map(String.init) }
                #expect(lines.first == ["VOLUME", "IMAGE", "SIZE", "OUTCOME", "NOTE"])
                #expect(
                    lines.dropFirst().map { Array($0.prefix(4)) } == [
                        ["one", "\(pool)/one", "1GiB", "created"], ["two", "\(pool)/two", "1GiB", "created"],
                    ]
                )
                #expect(try await TestCluster.run("rbd", ["ls", pool]) == "one\ntwo\n")
                let again = try await rbdctl(server, "kubernetes", "prehook", "-f", path, "-o", "name")
                #expect(again.status == 0)
                #expect(again.standardOutput == "\(pool)/one\n\(pool)/two\n")
            }
        }
    }

    @Test func theExitCodeIsThatOfTheFirstFailure() async throws {
        try await TestServer.withCluster { server in
            try await TestCluster.withPool { pool, cluster in
                let files = try TemporaryFolder()
                _ = try await server.put("/v1/pools/\(pool)/images/small", #"{"size":"1MiB"}"#)
                try files.replace(
                    "a.yaml",
                    manifest("small", pool, cluster.fsid) + manifest("other", pool, "elsewhere")
                        + manifest("fine", pool, cluster.fsid)
                )
                let mixed = try await rbdctl(server, "kubernetes", "prehook", "-f", files.path("a.yaml"), "-o", "json")
                #expect(mixed.status == 3)
                #expect(mixed.standardError.contains("rbdctl image resize \(pool)/small 1GiB"))
                #expect(mixed.standardError.contains("spec.csi.volumeAttributes.clusterID"))
                struct Result: Decodable {
                    var volume: String
                    var outcome: String
                    var source: String
                }
                let results = try JSONDecoder().decode([Result].self, from: Data(mixed.standardOutput.utf8))
                #expect(results.map(\.outcome) == ["failed", "failed", "created"])
                #expect(results.first?.source == files.path("a.yaml:2"))
            }
        }
    }

    /// Nothing is made where not everything can be read.
    @Test func whatCannotBeReadStopsBeforeAnythingIsMade() async throws {
        try await TestServer.withCluster { server in
            try await TestCluster.withPool { pool, cluster in
                let files = try TemporaryFolder()
                try files.replace("a.yaml", manifest("one", pool, cluster.fsid))
                try files.replace("b.yaml", "kind: [")
                let broken = try await rbdctl(
                    server,
                    "kubernetes",
                    "prehook",
                    "-f",
                    files.path("a.yaml"),
                    "-f",
                    files.path("b.yaml")
                )
                #expect(broken.status == 4)
                #expect(broken.standardError.contains("b.yaml, line "))
                let absent = try await rbdctl(server, "kubernetes", "prehook", "-f", files.path("c.yaml"))
                #expect(absent.status == 64)
                let none = try await rbdctl(server, "kubernetes", "prehook")
                #expect(none.status == 64)
                #expect(try await TestCluster.run("rbd", ["ls", pool]).isEmpty)
                try files.replace("d.yaml", "kind: Pod\napiVersion: v1\n")
                let empty = try await rbdctl(server, "kubernetes", "prehook", "-f", files.path("d.yaml"))
                #expect(empty.status == 0)
                #expect(empty.standardOutput.isEmpty)
                #expect(empty.standardError.contains("no PersistentVolume"))
            }
        }
    }
}
