// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

import Foundation
import RBDAPI
import TestSupport
import Testing

/// The audit log of the daemon on a real cluster.
@Suite(.tags(.cluster), .enabled(if: TestCluster.isAvailable), .timeLimit(.minutes(5)))
struct AuditLogTests {
    private static func temporaryPath() -> String {
        FileManager.default.temporaryDirectory.appendingPathComponent("\(UUID()).audit").path
    }

    private static let json = ["Content-Type": "application/json"]

    private func end(_ daemon: RunningDaemon) async {
        daemon.process.signal(SIGTERM)
        let end = await daemon.process.finish()
        #expect(end.status == 0, "\(end.standardError)")
    }

    @Test func aLineSaysWhatWasDone() async throws {
        let path = Self.temporaryPath()
        defer { try? FileManager.default.removeItem(atPath: path) }
        try await TestCluster.withPool { pool, _ in
            let daemon = try await RunningDaemon.start(["--audit-log", path])
            let server = daemon.server
            let images = "/v1/pools/\(pool)/images"
            func send(_ method: String, _ path: String, _ body: String? = nil, id: String) async throws -> Int {
                let answer = try await server.send(
                    method,
                    path,
                    body: body,
                    headers: Self.json.merging(["X-Request-Id": id]) { $1 }
                )
                return answer.status
            }
            let sent: [(id: String, method: String, path: String, body: String?, status: Int)] = [
                ("create", "PUT", "\(images)/vol", #"{"size":"64MiB"}"#, 201),
                ("again", "PUT", "\(images)/vol", #"{"size":"64MiB"}"#, 200),
                ("differs", "PUT", "\(images)/vol", #"{"size":"65MiB"}"#, 409),
                ("grow", "PATCH", "\(images)/vol", #"{"size":"128MiB"}"#, 200),
                ("rename", "PATCH", "\(images)/vol", #"{"name":"vol-2","metadata":{"owner":"hunter2"}}"#, 200),
                ("snapshot", "POST", "\(images)/vol-2/snapshots", #"{"name":"daily"}"#, 201),
                ("read", "GET", "\(images)/vol-2", nil, 200),
                ("dry", "DELETE", "\(images)/vol-2?dryRun=true", nil, 200),
                ("kept", "DELETE", "\(images)/vol-2", nil, 409),
                ("unsnap", "DELETE", "\(images)/vol-2/snapshots/daily", nil, 204),
                ("delete", "DELETE", "\(images)/vol-2?delay=1h", nil, 200),
                ("tiny", "POST", images, #"{"name":"tiny","size":"1KiB","objectSize":"1KiB"}"#, 422),
                ("purged", "PUT", "\(images)/vol-3", #"{"size":"8MiB"}"#, 201),
                ("purge", "DELETE", "\(images)/vol-3?purge=true", nil, 202),
                ("pool", "POST", "/v1/pools?wait=60s", #"{"name":"\#(pool)-b","pgCount":0}"#, 400),
                ("namespace", "POST", "/v1/pools/\(pool)/namespaces", #"{"name":"tenant"}"#, 201),
                ("inside", "POST", "\(images)?namespace=tenant", #"{"name":"vol","size":"1MiB"}"#, 201),
            ]
            for request in sent {
                let status = try await send(request.method, request.path, request.body, id: request.id)
                #expect(status == request.status, "\(request.id)")
            }
            // The daemon also works on operations of other tests.
            func isOfOthers(_ line: AuditRecord) -> Bool {
                line.event == "operation-finished" && line.object?.hasPrefix("\(pool)/") != true
            }
            // Wait until the purge has ended.
            while try !AuditRecord.read(path).contains(where: { $0.event == "operation-finished" && !isOfOthers($0) }) {
                try await Task.sleep(for: .milliseconds(50))
            }
            await end(daemon)
            let text = try String(contentsOfFile: path, encoding: .utf8)
            #expect(!text.contains("hunter2"))
            let lines = Dictionary(grouping: try AuditRecord.parse(text).filter { !isOfOthers($0) }) {
                $0.requestId ?? $0.event
            }
            func line(_ id: String) throws -> AuditRecord {
                #expect(lines[id]?.count == 1, "\(id)")
                return try #require(lines[id]?.first, "\(id)")
            }
            for request in sent where request.id != "read" && request.id != "dry" {
                let line = try line(request.id)
                #expect(line.status == request.status, "\(request.id)")
                #expect(line.method == request.method)
                #expect(line.identity == nil)
                #expect(line.peer?.hasPrefix("127.0.0.1:") == true)
                #expect(try #require(line.durationMs) > 0)
            }
            #expect(lines["read"] == nil && lines["dry"] == nil)
            let features = ["deep-flatten", "exclusive-lock", "fast-diff", "layering", "object-map"]
            func image(_ name: String, _ mebibytes: UInt64) -> AuditRecord.Image {
                AuditRecord.Image(name: name, sizeBytes: mebibytes << 20, features: features)
            }
            func sorted(_ image: AuditRecord.Image?) -> AuditRecord.Image? {
                image.map { .init(name: $0.name, sizeBytes: $0.sizeBytes, features: $0.features?.sorted()) }
            }
            let expected: [(String, String, String, String, AuditRecord.Image?, AuditRecord.Image?, String?)] = [
                ("create", "create", "vol", "succeeded", nil, image("vol", 64), nil),
                ("again", "create", "vol", "succeeded", nil, nil, nil),
                ("differs", "create", "vol", "failed", nil, nil, "image-differs"),
                ("grow", "modify", "vol", "succeeded", image("vol", 64), image("vol", 128), nil),
                ("rename", "modify", "vol", "succeeded", image("vol", 128), image("vol-2", 128), nil),
                ("snapshot", "modify", "vol-2@daily", "succeeded", nil, nil, nil),
                ("kept", "delete", "vol-2", "failed", nil, nil, "image-has-snapshots"),
                ("unsnap", "delete", "vol-2@daily", "succeeded", nil, nil, nil),
                ("delete", "delete", "vol-2", "succeeded", image("vol-2", 128), nil, nil),
                ("tiny", "create", "tiny", "failed", nil, nil, "invalid-object-size"),
                ("purge", "delete", "vol-3", "accepted", image("vol-3", 8), nil, nil),
                ("namespace", "admin", "tenant", "succeeded", nil, nil, nil),
                ("inside", "create", "tenant/vol", "succeeded", nil, image("vol", 1), nil),
            ]
            for (id, verb, object, outcome, before, after, code) in expected {
                let line = try line(id)
                #expect(line.verb == verb, "\(id)")
                #expect(line.object == "\(pool)/\(object)", "\(id)")
                #expect(line.outcome == outcome, "\(id)")
                #expect(sorted(line.before) == before, "\(id)")
                #expect(sorted(line.after) == after, "\(id)")
                #expect(line.code == code, "\(id)")
            }
            #expect(try line("tiny").errno == 33)
            let operation = try #require(try line("purge").operations?.first)
            let ended = try line("operation-finished")
            #expect(ended.operation == operation && ended.kind == "purge-image" && ended.outcome == "succeeded")
            #expect(ended.object == "\(pool)/vol-3")
        }
    }

    @Test func eachOfManyCreatesIsToldOnceWhileTheFileIsRotated() async throws {
        let path = Self.temporaryPath()
        defer { for file in [path, "\(path).1", "\(path).2", "\(path).3"] { unlink(file) } }
        try await TestCluster.withPool { pool, _ in
            let daemon = try await RunningDaemon.start(["--audit-log", path])
            let server = daemon.server
            try await withThrowingTaskGroup { group in
                for client in 0..<16 {
                    group.addTask {
                        for number in 0..<50 {
                            let answer = try await server.send(
                                "PUT",
                                "/v1/pools/\(pool)/images/v-\(client)-\(number)",
                                body: #"{"size":"1MiB"}"#,
                                headers: Self.json.merging(["X-Request-Id": "\(client)-\(number)"]) { $1 }
                            )
                            #expect(answer.status == 201)
                        }
                    }
                }
                group.addTask {
                    for number in 1...3 {
                        try await Task.sleep(for: .milliseconds(200))
                        #expect(rename(path, "\(path).\(number)") == 0)
                        daemon.process.signal(SIGHUP)
                        while access(path, F_OK) != 0 { try await Task.sleep(for: .milliseconds(2)) }
                    }
                }
                try await group.waitForAll()
            }
            await end(daemon)
            let files = try [path, "\(path).1", "\(path).2", "\(path).3"].map { try AuditRecord.read($0) }
            #expect(files.allSatisfy { $0.first?.event == "opened" })
            let ids = files.joined().compactMap(\.requestId)
            #expect(ids.count == 800)
            #expect(Set(ids).count == 800)
            #expect(files.joined().filter { $0.requestId != nil }.allSatisfy { $0.after?.sizeBytes == 1 << 20 })
        }
    }

    @Test func nothingIsChangedThatCouldNotBeTold() async throws {
        try await TestCluster.withPool { pool, _ in
            let images = "/v1/pools/\(pool)/images"
            let body = #"{"name":"vol","size":"1MiB"}"#
            let strict = try await RunningDaemon.start(["--audit-log", "/dev/full"])
            let refused = try await strict.server.post(images, body)
            #expect(refused.status == 503)
            #expect(try refused.problem.code == "audit-unavailable")
            #expect(refused.headers["retry-after"] != nil)
            #expect(try await strict.server.get("\(images)/vol").status == 404)
            #expect(try await strict.server.post("\(images)?dryRun=true", body).status == 200)
            let metrics = try Exposition(try await strict.server.get("/metrics").text)
            #expect(try #require(metrics.values("rbd_rest_api_audit_lines_pending").first) > 0)
            await end(strict)
            let lax = try await RunningDaemon.start(["--audit-log", "/dev/full", "--audit-required", "false"])
            #expect(try await lax.server.post(images, body).status == 201)
            await end(lax)
        }
    }

    @Test func aWrongFileIsOneSentence() async throws {
        let result = try await Subprocess.run(RunningDaemon.path, ["--port", "0", "--audit-log", "/nowhere/audit"])
        #expect(result.status == 78)
        #expect(result.standardError.contains("audit-log: the audit log can't be written: No such file or directory"))
        let closed = try await Subprocess.run("/bin/bash", ["-c", "\(RunningDaemon.path) --port 0 >&-"])
        #expect(closed.status == 78)
        #expect(closed.standardError.contains("audit-log (default): standard output is closed"))
    }

    // MARK: Standard output

    /// Starts the daemon with a reader of its standard output, which passes on what it reads.
    private func start(readBy reader: String) async throws -> RunningDaemon {
        let first = "while IFS= read -r line; do echo \"$line\"; case $line in *listening*) break;; esac; done"
        let process = try RunningProcess(
            "/bin/bash",
            ["-c", "exec \(RunningDaemon.path) --port 0 > >(\(first); \(reader))"]
        )
        let line = try await process.waitForOutput(containing: "listening on ")
        let server = TestServer(url: String(try #require(line.split(separator: " ").last)))
        while try await server.get("/readyz").status != 200 { try await Task.sleep(for: .milliseconds(50)) }
        return RunningDaemon(process: process, server: server)
    }

    @Test func aReaderThatHasGoneEndsNothing() async throws {
        try await TestCluster.withPool { pool, _ in
            let daemon = try await start(readBy: "exit")
            let images = "/v1/pools/\(pool)/images"
            // The reader may not have ended yet.
            var status = 201
            for number in 0..<20 where status == 201 {
                status = try await daemon.server.post(images, #"{"name":"vol-\#(number)","size":1}"#).status
                try await Task.sleep(for: .milliseconds(50))
            }
            #expect(status == 503)
            #expect(try await daemon.server.get(images).status == 200)
            await end(daemon)
        }
    }

    @Test func aReaderThatReadsNothingStopsChangesAndNothingElse() async throws {
        let flag = Self.temporaryPath()
        defer { try? FileManager.default.removeItem(atPath: flag) }
        try await TestCluster.withPool { pool, _ in
            let daemon = try await start(readBy: "until [ -e \(flag) ]; do sleep 0.05; done; cat")
            let server = daemon.server
            // Each of these requests is refused, and its line fills the pipe.
            var id = 0
            var statuses: Set<Int> = []
            let begin = ContinuousClock.now
            while !statuses.contains(503), id < 2_000 {
                let answer = try await server.send(
                    "DELETE",
                    "/v1/pools/\(pool)/images/none",
                    headers: ["X-Request-Id": "r-\(id)"]
                )
                statuses.insert(answer.status)
                id += 1
            }
            #expect(statuses == [404, 503])
            #expect(id > 50)
            #expect(ContinuousClock.now - begin < .seconds(100))
            let read = ContinuousClock.now
            for _ in 0..<20 { #expect(try await server.get("/v1/pools/\(pool)/images").status == 200) }
            #expect(ContinuousClock.now - read < .seconds(20))
            try Data().write(to: URL(fileURLWithPath: flag))
            var status = 503
            while status == 503 {
                status = try await server.send(
                    "DELETE",
                    "/v1/pools/\(pool)/images/none",
                    headers: ["X-Request-Id": "r-\(id)"]
                ).status
                id += 1
            }
            #expect(status == 404)
            daemon.process.signal(SIGTERM)
            var output = ""
            repeat {
                try await Task.sleep(for: .milliseconds(50))
                output = await daemon.process.finish().standardOutput
            } while !output.contains("r-\(id - 1)\"")
            let lines = output.split(separator: "\n").filter { $0.hasPrefix("{") }.joined(separator: "\n") + "\n"
            let ids = try AuditRecord.parse(lines).compactMap(\.requestId)
            #expect(Set(ids) == Set((0..<id).map { "r-\($0)" }))
            #expect(ids.count == id)
        }
    }
}
