// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

import RBDAPI
import Testing

@testable import rbdctl

/// The output of `rbdctl kubernetes prehook` for several volumes, however the run ends.
@Suite(.timeLimit(.minutes(5)))
struct VolumeRunTests {
    private let silent = Console(descriptor: -1)

    private func manifests(_ names: String...) throws -> [VolumeManifest] {
        try names.flatMap {
            try VolumeManifest.volumes(
                in: "{apiVersion: v1, kind: PersistentVolume, metadata: {name: \($0)}}",
                source: "\($0).yaml"
            )
        }
    }

    private func made(_ manifest: VolumeManifest) -> VolumeOutcome {
        VolumeOutcome(volume: manifest.name, outcome: .created, image: "rbd/\(manifest.name)")
    }

    @Test func eachIsTriedWhateverBecomesOfTheOthers() async throws {
        var run = VolumeRun(isDryRun: false)
        let failures = try await run.ensure(manifests("a", "b", "c"), reportingTo: silent) { manifest in
            if manifest.name != "c" { throw Failure(manifest.name == "a" ? .notFound : .conflict, "no") }
            return made(manifest)
        }
        #expect(failures == ReportedFailures(status: .notFound))
        #expect(run.results.map(\.outcome) == ["failed", "failed", "created"])
        #expect(run.results.map(\.problem) == ["no", "no", nil])
    }

    @Test func aServiceThatIsAwayIsAskedOnce() async throws {
        var run = VolumeRun(isDryRun: true)
        var asked: [String] = []
        let failures = try await run.ensure(manifests("a", "b", "c"), reportingTo: silent) { manifest in
            asked.append(manifest.name)
            throw ConnectionProblem.notConnected(reason: "the host does not answer")
                .failure(server: try ServerAddress(parsing: "http://a"), timeout: .seconds(1), mayHaveChanged: true)
        }
        #expect(asked == ["a"])
        #expect(failures == ReportedFailures(status: .unavailable))
        #expect(run.results.map(\.volume) == ["a", "b", "c"])
        #expect(run.results.allSatisfy { $0.problem?.contains("the host does not answer") == true && $0.dryRun })
    }

    @Test func aSlowServiceIsAskedAgain() async throws {
        var run = VolumeRun(isDryRun: false)
        var asked: [String] = []
        _ = try await run.ensure(manifests("a", "b"), reportingTo: silent) { manifest in
            asked.append(manifest.name)
            throw ConnectionProblem.timedOut
                .failure(server: try ServerAddress(parsing: "http://a"), timeout: .seconds(1), mayHaveChanged: true)
        }
        #expect(asked == ["a", "b"])
    }

    @Test func anotherErrorLeavesWhatWasMade() async throws {
        struct Odd: Error {}
        var run = VolumeRun(isDryRun: false)
        await #expect(throws: Odd.self) {
            _ = try await run.ensure(try manifests("a", "b", "c"), reportingTo: silent) { manifest in
                if manifest.name == "b" { throw Odd() }
                return made(manifest)
            }
        }
        #expect(run.results.map(\.volume) == ["a"])
        #expect(!run.isInterrupted)
    }

    @Test func theEndOfTheTaskLeavesWhatWasMade() async throws {
        let manifests = try manifests("a", "b", "c")
        let run = await Task {
            var run = VolumeRun(isDryRun: false)
            await #expect(throws: CancellationError.self) {
                _ = try await run.ensure(manifests, reportingTo: silent) { manifest in
                    guard manifest.name == "b" else { return made(manifest) }
                    withUnsafeCurrentTask { $0?.cancel() }
                    // The error of the transport.
                    throw Failure(.other, "cancelled")
                }
            }
            return run
        }.value
        #expect(run.isInterrupted)
        #expect(run.results.map(\.outcome) == ["created", "failed"])
        #expect(run.results.last?.problem == "interrupted; it is not known whether the image was created")
    }
}
