// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

import Foundation
import TestSupport
import Testing

extension KubernetesTests {
    /// The leader is lost in the middle of its work.
    @Suite struct LeaderLossTests {
        /// What becomes of a volume that the leader was looking after.
        private struct Unfinished {
            var volume: ClaimedVolume
            /// The request of the leader that never got an answer.
            var hold: HeldRequest
        }

        private static let reclaim = "rbd-rest-api.io/reclaim"
        /// Time for the next leader, and for it to take over what the last one has claimed in Ceph.
        private static let patience = 90.0

        /// Seven volumes, each in the middle of another step, when the leader is killed, or stopped for longer than its
        /// lease. The next leader finishes all of them. What the last leader has sent reaches the API server only then,
        /// and changes nothing any more. If it lives, it writes nothing more.
        @Test(arguments: Rehearsal.isLong ? [SIGKILL, SIGSTOP] : [SIGSTOP])
        func everyStepIsFinishedByTheNextLeader(signal: Int32) async throws {
            try await RecordingProxy.run { first in
                try await RecordingProxy.run { second in
                    let proxies = [first, second]
                    let each = [
                        try await ControllerAccount.options(through: first),
                        try await ControllerAccount.options(through: second),
                    ]
                    try await Replicas.serving(["--operation-lease", "5s"], each: each) { replicas, pool, fsid in
                        let leader = try await replicas.leader()
                        let steps = try await bringAboutSteps(of: proxies[leader], pool, fsid)

                        if signal == SIGKILL {
                            await replicas.stop(leader, by: SIGKILL)
                        } else {
                            replicas.signal(leader, signal)
                        }
                        let next = try await replicas.leader(except: leader)
                        #expect(next != leader)
                        try await expectFinished(steps)
                        let ends = try await ends(of: steps)

                        // Late, but on their way.
                        for (name, step) in steps {
                            let request = try await step.hold.waitUntilHeld()
                            let status = try await step.hold.forward()
                            if request.isWrite { #expect([404, 409].contains(status), "\(name): \(status)") }
                        }
                        let before = proxies[leader].writes.count
                        if signal == SIGKILL {
                            try await replicas.start(leader)
                        } else {
                            replicas.signal(leader, SIGCONT)
                        }
                        try await Task.sleep(for: .seconds(5))
                        let late = proxies[leader].writes.dropFirst(before).filter(\.isWriteOfVolume)
                        #expect(late.isEmpty, "\(late)")
                        #expect(try await replicas.leader() == next)
                        #expect(try await self.ends(of: steps) == ends)
                        try await expectFinished(steps)
                        for step in steps.values { try await step.volume.remove() }
                    }
                }
            }
        }

        /// Brings one volume each into the middle of a step of the leader.
        private func bringAboutSteps(
            of proxy: RecordingProxy,
            _ pool: String,
            _ fsid: String
        ) async throws -> [String: Unfinished] {
            func volume(_ name: String, _ annotations: [String: String] = [:]) -> ClaimedVolume {
                var volume = ClaimedVolume(name: TestCluster.uniqueName(name), pool: pool, fsid: fsid)
                volume.annotations = annotations
                return volume
            }
            var volumes: [String: ClaimedVolume] = [:]
            // The webhook is passed by, so that the controller creates these two images.
            for name in ["creating", "noting"] { volumes[name] = volume(name, ["rbd-rest-api.io/ensure": "false"]) }
            for name in ["beginning", "leaving", "holding"] { volumes[name] = volume(name) }
            for name in ["trashing", "releasing"] { volumes[name] = volume(name, [Self.reclaim: "trash"]) }
            try await withThrowingTaskGroup(of: Void.self) { group in
                for volume in volumes.values { group.addTask { try await volume.bind() } }
                try await group.waitForAll()
            }
            for name in ["beginning", "leaving", "holding", "trashing", "releasing"] {
                try await volumes[name]?.waitUntilKnown()
            }

            var steps: [String: Unfinished] = [:]
            for (name, volume) in volumes {
                let hold = proxy.hold { request in
                    let name = volume.name
                    switch true {
                    // It has decided, and reads the volume once more.
                    case name.hasPrefix("creating"): return request.isFor("GET", volume: name)
                    // The image is created.
                    case name.hasPrefix("noting"): return request.isFor("PATCH", volume: name)
                    case name.hasPrefix("beginning"): return request.isForStatus(ofClaim: name)
                    // The image has grown.
                    case name.hasPrefix("leaving"):
                        return request.isForStatus(ofClaim: name) && request.body.contains("FileSystemResizePending")
                    case name.hasPrefix("holding"):
                        return request.isFor("PATCH", volume: name) && request.body.contains(#""finalizers""#)
                    // The last look, while the image is claimed. Its volume was deleted before.
                    case name.hasPrefix("trashing"):
                        return request.isFor("GET", volume: name)
                            && proxy.requests.last { $0.number < request.number && $0.path.hasSuffix("/\(name)") }?
                                .path.contains("/persistentvolumeclaims/") ?? false
                    // The image is in the trash.
                    default:
                        return request.isFor("PATCH", volume: name) && !request.body.contains(Self.reclaim)
                    }
                }
                steps[name] = Unfinished(volume: volume, hold: hold)
            }
            func annotate(_ name: String, _ annotation: String) async throws {
                let volume = try #require(volumes[name])
                let result = try await APIServer.kubectl("annotate", "--overwrite", "pv/\(volume.name)", annotation)
                try #require(result.status == 0, "\(result.standardError)")
            }
            for name in ["creating", "noting"] { try await annotate(name, "rbd-rest-api.io/ensure=true") }
            for name in ["beginning", "leaving"] { try await volumes[name]?.setCapacity("2Gi") }
            try await annotate("holding", "\(Self.reclaim)=trash")
            try await volumes["releasing"]?.delete()
            for (name, step) in steps where name != "trashing" { try await step.hold.waitUntilHeld() }
            // The last one, because the leader does not wait long for this answer.
            try await volumes["trashing"]?.delete()
            try await steps["trashing"]?.hold.waitUntilHeld()
            return steps
        }

        private func expectFinished(_ steps: [String: Unfinished]) async throws {
            for (name, step) in steps {
                let volume = step.volume
                switch name {
                case "trashing", "releasing":
                    try await volume.waitUntilGone(within: Self.patience)
                    #expect(try await !TestCluster.run("rbd", ["ls", volume.pool]).contains(volume.name))
                    let trash = try await TestCluster.run("rbd", ["trash", "ls", volume.pool])
                    #expect(trash.split(separator: "\n").count { $0.hasSuffix(volume.name) } == 1, "\(trash)")
                case "beginning", "leaving":
                    try await volume.waitForSize(2 << 30, within: Self.patience)
                    let claim = "pvc/\(volume.name)"
                    try await APIServer.wait(
                        for: "FileSystemResizePending",
                        at: "{.status.conditions[*].type}",
                        of: claim
                    )
                default:
                    try await volume.waitForSize(1 << 30, within: Self.patience)
                    try await volume.waitUntilKnown()
                    if name == "holding" { try await volume.waitUntilHeld() }
                }
            }
        }

        /// The versions of all volumes and claims that are left, and the ids of their images.
        private func ends(of steps: [String: Unfinished]) async throws -> [String: [String]] {
            var ends: [String: [String]] = [:]
            for (name, step) in steps where !["trashing", "releasing"].contains(name) {
                let volume = step.volume
                var end = [try await TestCluster.imageID(volume.spec)]
                for object in ["pv/\(volume.name)", "pvc/\(volume.name)"] {
                    end.append(try await APIServer.value("{.metadata.resourceVersion}", of: object))
                }
                ends[name] = end
            }
            return ends
        }

        /// Each image grows once, is exact at the end, and is never made smaller: by the audit logs of both replicas,
        /// and by the Events.
        @Test func volumesGrowOnceWhileLeadersDie() async throws {
            let (count, deaths) = Rehearsal.isLong ? (500, 2) : (100, 1)
            let logs = (0..<Replicas.count).map { _ in
                FileManager.default.temporaryDirectory.appendingPathComponent("\(UUID()).audit").path
            }
            defer { for log in logs { try? FileManager.default.removeItem(atPath: log) } }
            let options = try await ControllerAccount.options()
            try await Replicas.serving(options, each: logs.map { ["--audit-log", $0] }) { replicas, pool, fsid in
                _ = try await replicas.leader()
                let make = { ClaimedVolume(name: TestCluster.uniqueName($0), pool: pool, fsid: fsid) }
                try await VolumeGroup.bound(count, make) { group in
                    try await withThrowingTaskGroup(of: Void.self) { tasks in
                        tasks.addTask { try await group.setCapacity("2Gi") }
                        tasks.addTask {
                            for _ in 0..<deaths {
                                let leader = try await replicas.leader()
                                // A part of them is done.
                                let end = ContinuousClock.now + .seconds(60)
                                while try await replicas.work("grown") < count / (deaths + 2) {
                                    try #require(ContinuousClock.now < end, "the volumes do not grow")
                                    try await Task.sleep(for: .milliseconds(20))
                                }
                                await replicas.stop(leader, by: SIGKILL)
                                try await replicas.start(leader)
                            }
                        }
                        try await tasks.waitForAll()
                    }
                    _ = try await replicas.leader()
                    try await group.waitForSizes(2 << 30, within: 120)
                    try await group.waitUntilLeftToNodes(within: 60)

                    // The audit log of a killed replica may lack the lines of what it was doing, and of nothing else.
                    let workers = 8
                    let records = try logs.flatMap { try Self.records(in: $0) }
                        .filter { $0.verb == "modify" && $0.outcome == "succeeded" }
                    // Only lines of real changes say what was before.
                    let changes = records.filter { $0.before != nil }
                    #expect(changes.allSatisfy { $0.before?.sizeBytes == 1 << 30 && $0.after?.sizeBytes == 2 << 30 })
                    let grown = Dictionary(grouping: changes) { $0.object ?? "" }
                    #expect(grown.values.allSatisfy { $0.count == 1 }, "\(grown.filter { $0.value.count > 1 }.keys)")
                    #expect(grown.count >= count - deaths * workers && grown.count <= count, "\(grown.count)")
                    let events = try await group.events("ImageResized")
                    #expect(events.values.allSatisfy { $0 == 1 }, "\(events.filter { $0.value > 1 })")
                }
            }
        }

        /// The lines of an audit log. A killed process may have left half of the last one.
        private static func records(in log: String) throws -> [AuditRecord] {
            var text = try String(contentsOfFile: log, encoding: .utf8)
            while let last = text.last, last != "\n" { text.removeLast() }
            return try AuditRecord.parse(text)
        }
    }
}
