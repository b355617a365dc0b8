// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

import Ceph
import Foundation
import RBDAPI
import TestSupport
import Testing

/// Locks and watchers: what they are, and how they are removed. Each client is a process of its own, because it may be
/// blocklisted.
@Suite(.tags(.cluster), .enabled(if: TestCluster.isAvailable), .timeLimit(.minutes(5)))
struct ImageClientTests {
    private func withImage(
        _ properties: String = #"{"size":"64MiB"}"#,
        _ body: @escaping @Sendable (_ server: TestServer, _ path: String, _ spec: String) async throws -> Void
    ) async throws {
        try await TestServer.withCluster { server in
            try await TestCluster.withPool { pool, _ in
                let path = "/v1/pools/\(pool)/images/vol-1"
                #expect(try await server.put(path, properties).status == 201)
                try await body(server, path, "\(pool)/vol-1")
            }
        }
    }

    private func locks(_ server: TestServer, _ path: String) async throws -> [ImageLock] {
        try await server.get("\(path)/locks").decoded(as: ImageLocks.self).items
    }

    private func watchers(_ server: TestServer, _ path: String) async throws -> [ImageWatcher] {
        try await server.get("\(path)/watchers").decoded(as: ImageWatchers.self).items
    }

    private func isShutOut(_ address: String) async throws -> Bool {
        try await TestCluster.blocklist("ls").contains(address)
    }

    private func letIn(_ address: String) async throws {
        try await TestCluster.blocklist("rm", address)
    }

    /// Starts a client that writes to the image, and so has librbd's own lock.
    private func writer(of spec: String) async throws -> RunningProcess {
        let arguments = ["bench", "--io-type", "write", "--io-size", "4096", "--io-total", "1T", spec]
        let writer = try RunningProcess(TestCluster.tool("rbd"), ["--conf", TestCluster.configFile] + arguments)
        while try await !TestCluster.run("rbd", ["lock", "ls", spec]).contains("auto ") {
            try await Task.sleep(for: .milliseconds(50))
        }
        return writer
    }

    // MARK: Locks

    @Test func aLockIsBroken() async throws {
        try await withImage { server, path, spec in
            #expect(try await server.get("\(path)/locks").text == #"{"items":[]}"#)
            try await TestCluster.run("rbd", ["lock", "add", spec, "backup job"])
            let lock = try #require(try await locks(server, path).first)
            #expect(lock.client.hasPrefix("client."))
            #expect(lock.address.hasPrefix("127.0.0.1:0/"))
            #expect(lock.cookie == "backup job")
            #expect(lock.exclusive)
            #expect(!lock.managed && !lock.own)

            // Refusals and dry runs change nothing.
            let refusals: [(query: String, code: String, field: String, status: Int)] = [
                ("", "confirmation-required", "confirm", 400),
                ("?confirm=client.1", "confirmation-required", "confirm", 400),
                ("?dryRun=true&confirm=client.1", "confirmation-required", "confirm", 400),
                ("?confirm=\(lock.client)&cookie=other", "lock-not-found", "cookie", 404),
                ("?dryRun=true&cookie=other", "lock-not-found", "cookie", 404),
                ("?confirm=\(lock.client)&cokie=other", "invalid-parameter", "cokie", 400),
                ("?confirm=\(lock.client)&namespace=none", "namespace-not-found", "namespace", 404),
            ]
            for refusal in refusals {
                let problem = try await server.delete("\(path)/locks/\(lock.client)\(refusal.query)").problem
                #expect(problem.code == refusal.code, "\(refusal)")
                #expect(problem.field == refusal.field)
                #expect(problem.status == refusal.status)
                #expect(problem.hint?.isEmpty == false)
            }
            let unconfirmed = try await server.delete("\(path)/locks/\(lock.client)").problem
            #expect(unconfirmed.hint?.contains("?confirm=\(lock.client)") == true)
            let misnamed = try await server.delete("\(path)/locks/\(lock.client)?dryRun=true&cookie=other").problem
            #expect(misnamed.hint == "its locks are \"backup job\"")
            let nobody = try await server.delete("\(path)/locks/client.1?confirm=client.1").problem
            #expect(nobody.code == "lock-not-found")
            #expect(nobody.field == "client")
            #expect(nobody.remedy?.kind == .lock && nobody.remedy?.subject == "\(spec)")
            let nowhere = try await server.delete("\(path)-2/locks/client.1?confirm=client.1").problem
            #expect(nowhere.code == "image-not-found")
            let plan: Plan = try await server.delete("\(path)/locks/\(lock.client)?dryRun=true").decoded()
            #expect(plan.allowed)
            #expect(plan.steps.map(\.action.rawValue) == ["break-lock"])
            #expect(plan.steps.first?.detail?.contains("shuts the client out of the cluster") == true)
            #expect(try await locks(server, path) == [lock])
            #expect(try await !isShutOut(lock.address))

            #expect(try await server.delete(path).problem.code == "image-in-use")
            let broken = try await server.delete("\(path)/locks/\(lock.client)?confirm=\(lock.client)")
            #expect(broken.status == 204, "\(broken.text)")
            #expect(try await locks(server, path).isEmpty)
            #expect(try await isShutOut(lock.address))
            let again = try await server.delete("\(path)/locks/\(lock.client)?confirm=\(lock.client)").problem
            #expect(again.code == "lock-not-found")
            #expect(try await server.delete(path).status == 200)
            try await letIn(lock.address)
        }
    }

    @Test func oneOfSeveralSharedLocksIsBroken() async throws {
        try await withImage { server, path, spec in
            for cookie in ["one", "two"] {
                try await TestCluster.run("rbd", ["lock", "add", "--shared", "readers", spec, cookie])
            }
            let (one, two) = try await {
                let all = try await locks(server, path)
                return (try #require(all.first { $0.cookie == "one" }), try #require(all.first { $0.cookie == "two" }))
            }()
            #expect(!one.exclusive && !two.exclusive)
            let broken = try await server.delete("\(path)/locks/\(one.client)?confirm=\(one.client)&cookie=one")
            #expect(broken.status == 204, "\(broken.text)")
            #expect(try await locks(server, path) == [two])
            #expect(try await !isShutOut(two.address))
            try await letIn(one.address)
        }
    }

    @Test func aLiveWriterLosesItsLock() async throws {
        try await withImage { server, path, spec in
            let writer = try await writer(of: spec)
            let lock = try #require(try await locks(server, path).first)
            #expect(lock.managed && lock.exclusive && !lock.own)
            let broken = try await server.delete("\(path)/locks/\(lock.client)?confirm=\(lock.client)")
            #expect(broken.status == 204, "\(broken.text)")
            #expect(try await isShutOut(lock.address))
            // The client would write for hours. Its message, if any, depends on the tool. The one of Ceph 14 does not
            // always end.
            let endsItself = try await TestCluster.release().major >= 16
            if endsItself { #expect(await writer.finish().status != 0) }
            while try await !watchers(server, path).isEmpty { try await Task.sleep(for: .milliseconds(50)) }
            #expect(try await locks(server, path).isEmpty)
            #expect(try await server.delete("\(path)?purge=true&wait=60s").status == 204)
            try await letIn(lock.address)
            if !endsItself {
                writer.signal(SIGKILL)
                _ = await writer.finish()
            }
        }
    }

    // MARK: Watchers

    @Test func aClientIsEvicted() async throws {
        try await withImage { server, path, spec in
            #expect(try await server.get("\(path)/watchers").text == #"{"items":[]}"#)
            let client = try await TestCluster.openClient(of: spec)
            let watcher = try #require(try await watchers(server, path).first)
            #expect(watcher.client.hasPrefix("client."))
            #expect(!watcher.own)
            let status = try await TestCluster.run("rbd", ["status", spec])
            #expect(status.contains("watcher=\(watcher.address) \(watcher.client) cookie=\(watcher.cookie)"))

            let evicting = "\(path)/watchers/\(watcher.client)"
            for query in ["", "?confirm=client.1", "?dryRun=true&confirm=client.1"] {
                let problem = try await server.delete(evicting + query).problem
                #expect(problem.code == "confirmation-required")
                #expect(problem.field == "confirm")
                #expect(problem.hint?.contains("?confirm=\(watcher.client)") == true)
            }
            #expect(try await server.delete("\(evicting)?cookie=1").problem.field == "cookie")
            for query in ["confirm=client.1", "dryRun=true"] {
                let nobody = try await server.delete("\(path)/watchers/client.1?\(query)").problem
                #expect(nobody.code == "watcher-not-found")
                #expect(nobody.status == 404)
                #expect(nobody.field == "client")
                #expect(nobody.remedy?.kind == .watcher && nobody.remedy?.subject == "\(spec)")
            }
            let nowhere = try await server.delete("\(path)-2/watchers/client.1?confirm=client.1").problem
            #expect(nowhere.code == "image-not-found")
            let plan: Plan = try await server.delete("\(evicting)?dryRun=true").decoded()
            #expect(plan.steps.map(\.action.rawValue) == ["evict-client"])
            #expect(plan.steps.map(\.subject) == [watcher.client])
            #expect(plan.steps.first?.detail?.contains("shuts the client out of the cluster") == true)
            #expect(try await watchers(server, path) == [watcher])
            #expect(try await !isShutOut(watcher.address))

            let refused: Plan = try await server.delete("\(path)?dryRun=true").decoded()
            #expect(refused.steps.first?.action == .endClient && refused.steps.first?.subject == watcher.client)
            #expect(
                refused.steps.first?.detail == "at \(watcher.address); unmap the image there, or evict the client"
            )
            let evicted = try await server.delete("\(evicting)?confirm=\(watcher.client)")
            #expect(evicted.status == 204, "\(evicted.text)")
            // The watch is already gone, because the answer waited for it.
            #expect(try await watchers(server, path).isEmpty)
            #expect(try await isShutOut(watcher.address))
            let again = try await server.delete("\(evicting)?confirm=\(watcher.client)").problem
            #expect(again.code == "watcher-not-found")
            #expect(try await server.delete(path).status == 200)
            try client.endInput()
            _ = await client.finish()
            try await letIn(watcher.address)
        }
    }

    /// The client leaves librbd's own lock. The next change that needs the lock breaks it.
    @Test(arguments: ["purge", "snapshot", "limit"])
    func aWriterIsEvictedInFullSwing(next: String) async throws {
        try await withImage { server, path, spec in
            let writer = try await writer(of: spec)
            let watcher = try #require(try await watchers(server, path).first)
            let evicted = try await server.delete("\(path)/watchers/\(watcher.client)?confirm=\(watcher.client)")
            #expect(evicted.status == 204, "\(evicted.text)")
            #expect(try await isShutOut(watcher.address))
            // `rbd bench` of Ceph 14 does not end when its client is blocklisted.
            let end = Task {
                try await Task.sleep(for: .seconds(30))
                writer.signal(SIGKILL)
            }
            #expect(await writer.finish().status != 0)
            end.cancel()
            #expect(try await locks(server, path).map(\.client) == [watcher.client])
            let answer =
                switch next {
                case "purge": try await server.delete("\(path)?purge=true&wait=60s")
                case "snapshot": try await server.post("\(path)/snapshots", #"{"name":"one"}"#)
                default: try await server.put("\(path)/snapshot-limit", #"{"limit":7}"#)
                }
            #expect([200, 201, 204].contains(answer.status), "\(answer.text)")
            try await letIn(watcher.address)
        }
    }

    @Test func inANamespace() async throws {
        try await withImage { server, path, spec in
            let pool = String(spec.split(separator: "/")[0])
            try await TestCluster.run("rbd", ["namespace", "create", "\(pool)/tenant"])
            #expect(try await server.put("\(path)?namespace=tenant", #"{"size":"1MiB"}"#).status == 201)
            try await TestCluster.run("rbd", ["lock", "add", "\(pool)/tenant/vol-1", "x"])
            #expect(try await locks(server, path).isEmpty)
            let items = try await server.get("\(path)/locks?namespace=tenant").decoded(as: ImageLocks.self).items
            let lock = try #require(items.first)
            let told = try await rbdctl(server, "image", "lock", "break", "\(pool)/tenant/vol-1", lock.client, "--yes")
            #expect(told.status == 0, "\(told.standardError)")
            #expect(try await server.get("\(path)/locks?namespace=tenant").text == #"{"items":[]}"#)
            try await letIn(lock.address)
        }
    }

    // MARK: The service's own clients

    /// On an image with exclusive-lock, the operation holds librbd's lock, too.
    @Test(arguments: ["layering", "layering,exclusive-lock"])
    func nobodyIsEvictedWhileAnOperationIsAtWork(features: String) async throws {
        try await TestServer.withCluster { server in
            try await TestServer.withCluster { other in
                try await TestCluster.withPool { pool, _ in
                    for command in [
                        "create --size 1T --image-feature layering \(pool)/parent",
                        "snap create \(pool)/parent@s",
                        "clone --rbd-default-clone-format 2 --image-feature \(features) \(pool)/parent@s \(pool)/clone",
                    ] {
                        try await TestCluster.run("rbd", command.split(separator: " ").map(String.init))
                    }
                    let path = "/v1/pools/\(pool)/images/clone"
                    let begun = try await server.post("\(path)/flatten", "").decoded(as: RBDAPI.Operation.self)
                    while try await watchers(server, path).isEmpty { try await Task.sleep(for: .milliseconds(50)) }
                    // Any replica may run the operation: one of these two, or one of a test that runs at the same time.
                    let seen = try await watchers(server, path) + watchers(other, path)
                    #expect(seen.count == 2 && seen.filter(\.own).count <= 1, "\(seen)")
                    let client = try #require(seen.first).client
                    var targets = ["watchers/\(client)"]
                    if features.contains("exclusive-lock") {
                        while try await locks(server, path).isEmpty { try await Task.sleep(for: .milliseconds(50)) }
                        let held = try await locks(server, path) + locks(other, path)
                        let sameOwner = held.filter(\.own).count == seen.filter(\.own).count
                        #expect(held.allSatisfy(\.managed) && sameOwner, "\(held)")
                        targets.append("locks/\(client)")
                    }
                    for target in targets {
                        for query in ["confirm=\(client)", "dryRun=true"] {
                            for server in [server, other] {
                                let problem = try await server.delete("\(path)/\(target)?\(query)").problem
                                #expect(problem.code == "operation-in-progress")
                                #expect(problem.status == 409)
                                #expect(problem.hint?.contains(begun.id) == true)
                            }
                        }
                    }
                    if !features.contains("exclusive-lock") {
                        // An advisory lock never belongs to the service, and may block it.
                        try await TestCluster.run("rbd", ["lock", "add", "\(pool)/clone", "hand"])
                        let lock = try #require(try await locks(server, path).first)
                        let broken = try await other.delete("\(path)/locks/\(lock.client)?confirm=\(lock.client)")
                        #expect(broken.status == 204, "\(broken.text)")
                        try await letIn(lock.address)
                    }
                    #expect(try await server.delete("/v1/operations/\(begun.id)").status == 202)
                    let last = try await server.get("/v1/operations/\(begun.id)?wait=60s")
                        .decoded(as: RBDAPI.Operation.self)
                    #expect(last.state == .cancelled, "\(last)")
                }
            }
        }
    }

    /// A copy that is being made has no claim of its own.
    @Test func aCopyInTheMakingIsAnOperationToo() async throws {
        try await TestServer.withCluster { server in
            try await TestCluster.withPool { pool, _ in
                let path = "/v1/pools/\(pool)/images"
                #expect(
                    try await server.put("\(path)/source", #"{"size":"1TiB","features":["layering"]}"#).status == 201
                )
                let begun = try await server.post("\(path)/source/copy", #"{"name":"copy","withSnapshots":true}"#)
                    .decoded(as: RBDAPI.Operation.self)
                let copy = "\(path)/rbd-rest-api.copy-\(begun.id)"
                var watcher: ImageWatcher?
                while watcher == nil {
                    let answer = try await server.get("\(copy)/watchers")
                    if answer.status == 200 { watcher = try answer.decoded(as: ImageWatchers.self).items.first }
                    let state = try await server.get("/v1/operations/\(begun.id)").decoded(as: RBDAPI.Operation.self)
                        .state
                    try #require(!state.isFinished)
                }
                let client = try #require(watcher?.client)
                let problem = try await server.delete("\(copy)/watchers/\(client)?confirm=\(client)").problem
                #expect(problem.code == "operation-in-progress")
                #expect(problem.hint?.contains(begun.id) == true)
                #expect(try await server.delete("/v1/operations/\(begun.id)").status == 202)
                // librbd ignores requests to stop a copy, so this takes long on a busy machine.
                let end = ContinuousClock.now + .seconds(300)
                var last: RBDAPI.Operation
                repeat {
                    last = try await server.get("/v1/operations/\(begun.id)?wait=20s").decoded()
                } while !last.state.isFinished && .now < end
                #expect(last.state.isFinished, "\(last)")
            }
        }
    }

    // MARK: rbdctl

    @Test func byRbdctl() async throws {
        try await withImage { server, _, spec in
            try await TestCluster.run("rbd", ["lock", "add", spec, "backup job"])
            let client = try await TestCluster.openClient(of: spec)
            let (held, open) = (
                try await rbdctl(server, "image", "lock", "list", spec, "-o", "json"),
                try await rbdctl(server, "image", "watcher", "list", spec, "-o", "json")
            )
            let locks = try JSONDecoder().decode([ImageLock].self, from: Data(held.standardOutput.utf8))
            let watchers = try JSONDecoder().decode([ImageWatcher].self, from: Data(open.standardOutput.utf8))
            let (lock, watcher) = (try #require(locks.first), try #require(watchers.first))
            let table = try await rbdctl(server, "image", "lock", "list", spec).standardOutput
            #expect(table.contains("backup job"))
            #expect(try await rbdctl(server, "image", "watcher", "list", spec).standardOutput.contains(watcher.address))

            for (noun, verb, name, step) in [
                ("lock", "break", lock.client, "break-lock"), ("watcher", "evict", watcher.client, "evict-client"),
            ] {
                let refused = try await rbdctl(server, "image", noun, verb, spec, name)
                #expect(refused.status == 64)
                #expect(refused.standardOutput.isEmpty)
                #expect(refused.standardError.contains("hint: add --yes to confirm\n"))
                let planned = try await rbdctl(server, "image", noun, verb, spec, name, "--dry-run")
                #expect(planned.status == 0)
                #expect(planned.standardOutput.contains(step))
                let nobody = try await rbdctl(server, "image", noun, verb, spec, "client.1", "--yes")
                #expect(nobody.status == 2)
            }
            let other = try await rbdctl(server, "image", "lock", "break", spec, lock.client, "--cookie", "x", "--yes")
            #expect(other.status == 2)
            #expect(other.standardError.contains("backup job"))
            #expect(try await !isShutOut(lock.address))
            #expect(try await !isShutOut(watcher.address))

            let broken = try await rbdctl(
                server,
                "image",
                "lock",
                "break",
                spec,
                lock.client,
                "--cookie",
                "backup job",
                "--yes"
            )
            #expect(broken.status == 0, "\(broken.standardError)")
            #expect(broken.standardOutput == "\(lock.client)\n")
            let evicted = try await rbdctl(server, "image", "watcher", "evict", spec, watcher.client, "--yes")
            #expect(evicted.status == 0, "\(evicted.standardError)")
            #expect(evicted.standardOutput == "\(watcher.client)\n")
            #expect(try await rbdctl(server, "image", "delete", spec).status == 0)
            try client.endInput()
            _ = await client.finish()
            try await letIn(lock.address)
            try await letIn(watcher.address)
        }
    }

    /// An image in the trash can't be reached by its name.
    @Test func inTheTrashItIsToldOtherwise() async throws {
        try await withImage(#"{"size":"1MiB","features":["layering"]}"#) { server, path, spec in
            let pool = spec.split(separator: "/")[0]
            // With the feature exclusive-lock, `rbd trash mv` would wait for the lock forever.
            try await TestCluster.run("rbd", ["lock", "add", spec, "x"])
            try await TestCluster.run("rbd", ["trash", "mv", spec])
            let entry = try #require(
                try await server.get("/v1/pools/\(pool)/trash").decoded(as: Page<RBDAPI.TrashedImage>.self).items.first
            )
            let problem = try await server.delete("/v1/pools/\(pool)/trash/\(entry.id)").problem
            #expect(problem.code == "image-in-use")
            #expect(problem.remedy?.action == .restoreToFree && problem.remedy?.subject == "\(pool)/\(entry.id)")
        }
    }
}
