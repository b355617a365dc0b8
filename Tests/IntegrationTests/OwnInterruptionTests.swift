// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

import Ceph
import Foundation
import Naming
import RBDAPI
import RBDService
import Synchronization
import TestSupport
import Testing

/// A replica is killed or stopped in the middle of a request, before each of the request's changes. Another replica
/// takes over its claims. Until then, other requests are told to try again. If the stopped replica continues, it does
/// no harm.
@Suite(.tags(.cluster), .enabled(if: TestCluster.isAvailable), .timeLimit(.minutes(15)))
struct OwnInterruptionTests {
    private static let lease = 3

    @Test(arguments: OwnInterruption.allCases)
    func anotherReplicaTakesOverFromTheDead(_ interruption: OwnInterruption) async throws {
        try await Self.cutOff(interruption, .killed)
    }

    @Test(arguments: OwnInterruption.allCases)
    func whoeverWasStoppedDoesNoHarm(_ interruption: OwnInterruption) async throws {
        try await Self.cutOff(interruption, .stopped)
    }

    private static func cutOff(_ interruption: OwnInterruption, _ ending: CutOff.Ending) async throws {
        try await TestServer.withCluster(change: { $0.operationLease = .seconds(lease) }) { server in
            try await TestCluster.withPool { pool, _ in
                var ids: [String] = []
                // Each stop takes a lease, and the longest sequences have many similar steps, so some are skipped.
                let changes = sequence(first: 1) { ending == .killed || $0 < 3 ? $0 + 1 : $0 + 4 }
                var (wasCutOff, attempts) = (false, 0)
                var rest = changes.makeIterator()
                var next = rest.next()
                while let change = next {
                    attempts += 1
                    let image = InterruptedImage(pool: pool, name: "v\(attempts)")
                    let id = try await interruption.prepare(image, server)
                    if let id { ids.append(id) }
                    let label = "\(interruption) \(change)"
                    if try await cut(interruption, at: change, image, id, ending, server, label) {
                        wasCutOff = true
                        next = rest.next()
                    } else if wasCutOff || attempts == 5 {
                        // The request has completed.
                        #expect(wasCutOff, "\(label) was never cut off")
                        break
                    }
                    // Another replica may take the operation up before this one has begun it. Then the test tries again
                    // with another image.
                }
                let findings = try await findings(in: pool)
                #expect(findings.isEmpty, "\(interruption): \(findings.joined(separator: "\n"))")
                guard !interruption.destroys else { return }
                let objects = try await TestCluster.run("rados", ["-p", pool, "ls"])
                for id in ids { #expect(objects.contains("rbd_data.\(id)."), "\(interruption) lost the data of \(id)") }
            }
        }
    }

    /// Returns the findings of the audit once no change is running any more.
    private static func findings(in pool: String) async throws -> [String] {
        let end = ContinuousClock.now + .seconds(60)
        while true {
            let findings = try await TestCluster.audit(pool)
            if findings.isEmpty || .now > end { return findings }
            try await Task.sleep(for: .seconds(1))
        }
    }

    /// - Returns: whether the replica was cut off.
    private static func cut(
        _ interruption: OwnInterruption,
        at change: Int,
        _ image: InterruptedImage,
        _ id: String?,
        _ ending: CutOff.Ending,
        _ server: TestServer,
        _ label: String
    ) async throws -> Bool {
        let doomed = try await startDoomed(at: change, ending)
        defer { doomed.process.signal(SIGKILL) }
        let request = Pending { try await interruption.request(image, id: id, doomed.server) }
        let answer = try await request.answer(until: { try isCutOff(doomed, ending) })
        if let answer {
            #expect(answer.status < 500, "\(label): \(answer.text)")
            if ending == .stopped { doomed.process.signal(SIGCONT) }
            // The answer may come before the last change, because the request does not wait for it.
            return try isCutOff(doomed, ending)
        }
        try await takeOver(interruption, image, id, server, label)
        if ending == .stopped {
            try await untilQuiet(image.pool, server, label, purged: interruption.destroys ? id : nil)
            let before = try await state(interruption, image, server)
            doomed.process.signal(SIGCONT)
            // The continued replica's changes are refused, which takes no longer than making them.
            try await Task.sleep(for: .seconds(1))
            let after = try await state(interruption, image, server)
            let difference = after.difference(from: before)
            #expect(difference.isEmpty, "\(label): \(difference)")
        }
        request.cancel()
        return true
    }

    /// A replica that takes up the unfinished operation of another test may be cut off before it is ready. Then another
    /// one is started.
    private static func startDoomed(at change: Int, _ ending: CutOff.Ending) async throws -> RunningDaemon {
        for _ in 0..<10 {
            do {
                return try await RunningDaemon.start(
                    ["--operation-lease", "\(lease)s", "--audit-log", "off"],
                    environment: CutOff.environment(at: change, ending)
                )
            } catch  where !(error is CancellationError) {
                try await Task.sleep(for: .seconds(1))
            }
        }
        throw TestCluster.Failure(description: "no daemon became ready before its change \(change)")
    }

    /// Sends the request without waiting for an answer. A stopped replica keeps its connection and never answers.
    private final class Pending: Sendable {
        private let received = Mutex<TestServer.Answer?>(nil)
        private let task = Mutex<Task<Void, any Error>?>(nil)

        init(_ ask: @escaping @Sendable () async throws -> TestServer.Answer) {
            let asking = Task {
                let answer = try await ask()
                received.withLock { $0 = answer }
            }
            task.withLock { $0 = asking }
        }

        /// - Returns: nil if the daemon was cut off before it answered.
        func answer(until isOver: () throws -> Bool) async throws -> TestServer.Answer? {
            while try !isOver() {
                if let answer = received.withLock({ $0 }) { return answer }
                try await Task.sleep(for: .milliseconds(20))
            }
            return received.withLock { $0 }
        }

        func cancel() { task.withLock { $0?.cancel() } }
    }

    /// Whether the process is dead or stopped.
    private static func isCutOff(_ daemon: RunningDaemon, _ ending: CutOff.Ending) throws -> Bool {
        let path = "/proc/\(daemon.process.processIdentifier)/stat"
        guard let line = try? String(contentsOfFile: path, encoding: .utf8) else { return true }
        let state = line.split(separator: ")").last?.split(separator: " ").first
        return state == "Z" || (ending == .stopped && state == "T")
    }

    /// Sends the same request to the other replica.
    private static func takeOver(
        _ interruption: OwnInterruption,
        _ image: InterruptedImage,
        _ id: String?,
        _ server: TestServer,
        _ label: String
    ) async throws {
        let begin = ContinuousClock.now
        while true {
            let answer = try await interruption.request(image, id: id, server)
            let code = (try? answer.problem.code) ?? "\(answer.status)"
            if interruption.outcomes.contains(code) { return }
            // 30 seconds would be enough on any machine. But replicas of other tests may have taken the operation up
            // and died over it. After three deaths, it is set aside. And on a busy machine, this replica's short lease
            // may expire. Then it is blocklisted, and connects again.
            let passing = [
                "change-in-progress", "operation-in-progress", "image-incomplete", "image-in-use", "operation-stopped",
                "cluster-unavailable",
            ]
            guard passing.contains(code),
                .now - begin < .seconds(60)
            else {
                let operations = try await server.get("/v1/operations?pool=\(image.pool)").text
                let time = ContinuousClock.now - begin
                Issue.record("\(label): \(answer.status) \(answer.text) after \(time); \(operations)")
                return
            }
            if code == "change-in-progress" { #expect(answer.headers["retry-after"] != nil, "\(label)") }
            try await Task.sleep(for: .milliseconds(200))
        }
    }

    /// Waits until nothing is claimed and no operation is unfinished.
    /// - Parameter id: an image that is to be purged. The test may have to begin the purge first.
    private static func untilQuiet(
        _ pool: String,
        _ server: TestServer,
        _ label: String,
        purged id: String?
    ) async throws {
        let end = ContinuousClock.now + .seconds(60)
        while true {
            let keys = try await TestCluster.run("rados", ["-p", pool, "listomapkeys", "rbd_rest_api.operations"])
            let operations = try await server.get("/v1/operations?pool=\(pool)").decoded(
                as: Page<RBDAPI.Operation>.self
            ).items
            var isPurged = true
            if let id { isPurged = try await server.get("/v1/pools/\(pool)/trash/\(id)").status == 404 }
            if isPurged, !keys.contains("held."), operations.allSatisfy(\.state.isFinished) { return }
            guard .now < end else {
                Issue.record("\(label): a claim or an operation does not end: \(keys)")
                return
            }
            try await Task.sleep(for: .milliseconds(200))
        }
    }

    /// The state of the image according to the service and the cluster.
    private static func state(
        _ interruption: OwnInterruption,
        _ image: InterruptedImage,
        _ server: TestServer
    ) async throws -> [String] {
        let objects = try await TestCluster.run("rados", ["-p", image.pool, "ls"]).split(separator: "\n").map(
            String.init
        )
        var answers: [String] = []
        for path in [image.path, interruption.image(image).path, "\(image.path)/snapshots"] {
            let answer = try await server.get(path)
            answers.append(answer.status == 200 ? answer.text : "\(answer.status)")
        }
        return answers + objects.filter { $0.hasPrefix("rbd_") }.sorted()
    }
}
