// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

import Foundation
import TestSupport
import Testing

extension KubernetesTests {
    /// Many clients at once. The time that the API server waited is recorded, and checked if the machine's speed is
    /// known.
    @Suite struct CrowdTests {
        @Test func fiveHundredVolumesBySixteenClients() async throws {
            let (count, clients) = (500, 16)
            try await Replicas.serving { replicas, pool, fsid in
                let label = TestCluster.uniqueName("crowd")
                let volumes = (0..<count).map { number in
                    var volume = TestVolume(
                        pool: pool,
                        fsid: fsid,
                        image: "\(label)-\(number)",
                        storage: "\(number + 1)Mi"
                    )
                    volume.labels = ["test": label]
                    return volume
                }
                let before = try await APIServer.webhookLatency()
                let begin = ContinuousClock.now
                let warnings = try await withThrowingTaskGroup(of: [Substring].self) { group in
                    for client in 0..<clients {
                        let own = stride(from: client, to: count, by: clients).map { volumes[$0] }
                        group.addTask {
                            let result = try await APIServer.applyPatiently(own)
                            #expect(result.status == 0, "\(result.standardError)")
                            return result.standardError.split(separator: "\n").filter {
                                $0.hasPrefix("Warning: image ")
                            }
                        }
                    }
                    return try await group.reduce(into: []) { $0 += $1 }
                }
                let duration = ContinuousClock.now - begin
                let after = try await APIServer.webhookLatency()

                #expect(try await APIServer.volumes(labelled: "test=\(label)").count == count)
                // A volume that was denied because it took too long may find its image the second time.
                let told = warnings.filter { $0.contains(" was created: ") || $0.contains(" is used as it is: ") }
                #expect(told.count == count, "\(warnings.count)")
                let answered = try await replicas.reviews()
                #expect(answered.allSatisfy { $0 > 0 }, "\(answered)")
                let sizes = try await TestCluster.imageSizes(in: pool)
                #expect(
                    sizes
                        == Dictionary(
                            uniqueKeysWithValues: volumes.enumerated().map { ($1.image, UInt64($0 + 1) << 20) }
                        )
                )
                let headers = try await TestCluster.run("rados", ["-p", pool, "ls"]).split(separator: "\n")
                    .filter { $0.hasPrefix("rbd_header.") }
                #expect(headers.count == count)

                let figures = after.map { (bound: $0.key, count: $0.value - (before[$0.key] ?? 0)) }
                    .sorted { $0.bound < $1.bound }
                let total = try #require(figures.last?.count)
                #expect(total >= count)
                let p99 = try #require(figures.first { Double($0.count) >= 0.99 * Double(total) }?.bound)
                let seconds = (duration / .milliseconds(100)).rounded() / 10
                let all = figures.firstIndex { $0.count == total } ?? figures.count - 1
                let waits = figures[...all].map { "\($0.bound) s for \($0.count)" }.joined(separator: ", ")
                try Figures.write(
                    """
                    crowd: \(count) volumes by \(clients) clients against \(Replicas.count) replicas in \(seconds) s; \
                    the API server waited at most \(waits)
                    crowd: p99 at most \(p99) s, bound 0.5 s: \(p99 <= 0.5 ? "met" : "missed")
                    """
                )
                try await WebhookTests.deleteVolumes(labelled: label)
            }
        }
    }
}

/// The figures that `dev/kubernetes` prints at the end of a run.
enum Figures {
    static func write(_ text: String) throws {
        guard let path = ProcessInfo.processInfo.environment["RBD_REST_API_TEST_FIGURES"] else { return }
        let file = try FileHandle(forWritingTo: URL(fileURLWithPath: path))
        try file.seekToEnd()
        try file.write(contentsOf: Data("\(text)\n".utf8))
        try file.close()
    }
}
