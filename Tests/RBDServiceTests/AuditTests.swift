// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

import Foundation
import HTTPTypes
import Hummingbird
import HummingbirdTesting
import Logging
import RBDAPI
import Synchronization
import TestSupport
import Testing

@testable import RBDService

/// The audit log without a cluster: its lines, its file, and what happens if it can't be written.
@Suite(.timeLimit(.minutes(2)))
struct AuditTests {
    private static func temporaryPath() -> String {
        FileManager.default.temporaryDirectory.appendingPathComponent("\(UUID()).audit").path
    }

    private func log(_ target: AuditTarget, isRequired: Bool = true) throws -> AuditLog {
        try AuditLog(
            target,
            isRequired: isRequired,
            limits: AuditLog.Limits(patience: .seconds(2), kept: 100, pause: .zero),
            registry: PrometheusRegistry(),
            logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }
        )
    }

    private func line(_ id: String, parameters: [String: AuditValue] = [:]) -> AuditLine {
        AuditLine(
            requestID: id,
            verb: .create,
            method: "PUT",
            route: "/v1/pools/{pool}/images/{image}",
            object: "rbd/vol-1",
            parameters: parameters,
            outcome: .succeeded,
            status: 201,
            duration: .milliseconds(2)
        )
    }

    // MARK: Lines

    @Test func whateverIsSentALineIsOneLineAndNoLongerThanAPipeTakesAtOnce() throws {
        // Each of these characters takes twelve bytes in the log.
        let text = String(repeating: "\u{E0001}", count: 5000)
        let json = try JSONSerialization.data(
            withJSONObject: Dictionary(uniqueKeysWithValues: (0..<200).map { ("\($0)\(text)", [text, text]) })
        )
        var line = line("r", parameters: ["body": try JSONDecoder().decode(AuditValue.self, from: json)])
        line.object = text
        line.operations = Array(repeating: text, count: 50)
        line.before = AuditImage(name: text, nil)
        line.after = line.before
        line.identity = String(repeating: "x", count: 128)
        let written = line.text()
        #expect(written.utf8.count <= AuditLine.maximumBytes)
        let record = try AuditRecord.parse(written)
        #expect(record.count == 1)
        #expect(record[0].identity == line.identity)
        #expect(record[0].object?.hasSuffix("…") == true)
        #expect(written.contains(#""parameters":"(omitted)""#))
    }

    @Test func valuesOfMetadataAreNotTold() throws {
        let log = try log(.file(Self.temporaryPath()))
        let notes = AuditNotes(log: log, isMutation: true)
        notes.set(body: Data(#"{"size":"1GiB","metadata":{"owner":"hunter2","old":null},"qos":{"iops":5}}"#.utf8))
        #expect(
            notes.gathered.body?.json
                == #"{"metadata":{"old":null,"owner":"(7 bytes)"},"qos":{"iops":5},"size":"1GiB"}"#
        )
    }

    @Test(
        arguments: [
            ("/v1/pools", "/v1/pools", "fast", "fast"),
            ("/v1/pools/a%20b", "/v1/pools/{pool}", nil, "a b"),
            ("/v1/pools/rbd/images", "/v1/pools/{pool}/images", "vol", "rbd/ns/vol"),
            ("/v1/pools/rbd/images/vol", "/v1/pools/{pool}/images/{image}", nil, "rbd/ns/vol"),
            ("/v1/pools/rbd/images/vol/copy", "/v1/pools/{pool}/images/{image}/copy", "other", "rbd/ns/vol"),
            (
                "/v1/pools/rbd/images/vol/snapshots", "/v1/pools/{pool}/images/{image}/snapshots", "daily",
                "rbd/ns/vol@daily"
            ),
            (
                "/v1/pools/rbd/groups/g/snapshots/s/rollback",
                "/v1/pools/{pool}/groups/{group}/snapshots/{snapshot}/rollback", nil, "rbd/ns/g@s"
            ),
            ("/v1/pools/rbd/trash/1f0", "/v1/pools/{pool}/trash/{id}", nil, "rbd/ns/1f0"),
            ("/v1/pools/rbd/namespaces/n", "/v1/pools/{pool}/namespaces/{namespace}", nil, "rbd/n"),
            ("/v1/operations/2-a", "/v1/operations/{operation}", nil, "ns/2-a"),
        ] as [(String, String, String?, String)]
    )
    func objects(path: String, route: String, name: String?, object: String) {
        let namespace = object.contains("/") ? "ns" : nil
        let names = zip(route.split(separator: "/"), path.split(separator: "/")).filter { $0.0.hasPrefix("{") }
            .map { (parameter: String($0.0.dropFirst().dropLast()), text: String($0.1)) }
        #expect(AuditObject(route, names: names, namespace: namespace, name: name).text == object)
    }

    // MARK: The file

    @Test func theFileIsForItsOwnerAloneAndIsAddedTo() async throws {
        let path = Self.temporaryPath()
        defer { try? FileManager.default.removeItem(atPath: path) }
        for id in ["a", "b"] {
            let log = try log(.file(path))
            #expect(try await log.admit())
            await log.record(line(id), isAdmitted: true)
        }
        let mode = try FileManager.default.attributesOfItem(atPath: path)[.posixPermissions] as? Int
        #expect(mode == 0o600)
        let records = try AuditRecord.read(path)
        #expect(records.map(\.event) == ["opened", "request", "opened", "request"])
        #expect(records.compactMap(\.requestId) == ["a", "b"])
    }

    @Test func whatIsNoFileIsRefusedAtTheStart() throws {
        let path = Self.temporaryPath()
        defer { try? FileManager.default.removeItem(atPath: path) }
        #expect(mkfifo(path, 0o600) == 0)
        let open = Self.temporaryPath()
        defer { try? FileManager.default.removeItem(atPath: open) }
        try Data().write(to: URL(fileURLWithPath: open))
        #expect(chmod(open, 0o666) == 0)
        for (place, reason) in [
            (path, "it is not a file"), ("/tmp", "Is a directory"), ("/nowhere/audit", "No such file"),
            (open, "written by others"),
        ] {
            let error = #expect(throws: ConfigurationError.self) { _ = try log(.file(place)) }
            #expect(error?.description.contains(reason) == true, "\(error?.description ?? "")")
        }
    }

    @Test func aFileThatIsRemovedIsMadeAnew() async throws {
        let path = Self.temporaryPath()
        defer { try? FileManager.default.removeItem(atPath: path) }
        let log = try log(.file(path))
        for id in ["a", "b", "c"] {
            #expect(try await log.admit())
            await log.record(line(id), isAdmitted: true)
            #expect(try AuditRecord.read(path).compactMap(\.requestId) == [id])
            try FileManager.default.removeItem(atPath: path)
        }
    }

    // MARK: Write failures

    @Test func aFullDeviceIsMetBeforeAnythingIsChanged() async throws {
        let required = try log(.file("/dev/full"))
        for _ in 0..<3 {
            do {
                _ = try await required.admit()
                Issue.record("admitted")
            } catch {
                #expect(error.code == "audit-unavailable")
                #expect(error.hint?.contains("No space left on device") == true)
                #expect(!"\(error)".contains("/dev/full"))
            }
        }
        let optional = try log(.file("/dev/full"), isRequired: false)
        #expect(try await !optional.admit())
        // The number of lines that are kept is bounded.
        for number in 0..<500 { await optional.record(line("\(number)"), isAdmitted: false) }
        #expect(optional.pending == 100)
    }

    /// A disk that hangs: a request with a deadline is released by then, however patient the log is.
    @Test func aHungDiskKeepsNobodyBeyondHisDeadline() async throws {
        let path = Self.temporaryPath()
        defer { try? FileManager.default.removeItem(atPath: path) }
        let log = try AuditLog(
            .file(path),
            isRequired: true,
            limits: AuditLog.Limits(patience: .seconds(60)),
            registry: PrometheusRegistry(),
            logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }
        )
        #expect(try await log.admit())
        let running = Task { try await log.run() }
        let (isHung, mayGoOn) = (DispatchSemaphore(value: 0), DispatchSemaphore(value: 0))
        Thread.detachNewThread {
            log.sink.withLock { _ in
                isHung.signal()
                mayGoOn.wait()
            }
        }
        await Task.detached { isHung.wait() }.value
        let begin = ContinuousClock.now
        await log.record(line("a"), isAdmitted: true, by: .now + .milliseconds(200))
        // The free space is used up.
        log.state.withLock { $0.room = 0 }
        await #expect(throws: Problem.self) { try await log.admit(by: .now + .milliseconds(200)) }
        #expect(ContinuousClock.now - begin < .seconds(30))
        mayGoOn.signal()
        running.cancel()
        try await running.value
        #expect(try AuditRecord.read(path).compactMap(\.requestId) == ["a"])
    }

    /// A disk that is really full: a change that has begun can still be recorded, and no other change begins until
    /// there is space.
    @Test(.enabled(if: getuid() == 0, "only root can mount"))
    func aFullDisk() async throws {
        let place = Self.temporaryPath()
        try FileManager.default.createDirectory(atPath: place, withIntermediateDirectories: false)
        let mounted = try await Subprocess.run(
            "/bin/mount",
            ["-t", "tmpfs", "-o", "size=2m", "tmpfs", place]
        )
        #expect(mounted.status == 0, "\(mounted.standardError)")
        guard mounted.status == 0 else { return }
        let (path, filler) = ("\(place)/audit", "\(place)/filler")
        let log = try log(.file(path))
        for id in ["a", "b"] { #expect(try await log.admit(), "\(id)") }
        try Data().write(to: URL(fileURLWithPath: filler))
        let handle = try FileHandle(forWritingTo: URL(fileURLWithPath: filler))
        #expect(throws: (any Error).self) {
            while true { try handle.write(contentsOf: Data(repeating: 1, count: 4096)) }
        }
        await log.record(line("a"), isAdmitted: true)
        // The remaining space is used up, and then changes are refused.
        var begun = 0
        while begun < 10_000, (try? await log.admit()) == true {
            await log.record(line("more"), isAdmitted: true)
            begun += 1
        }
        #expect((1..<2_000).contains(begun))
        await log.record(line("b"), isAdmitted: true)
        #expect(log.pending == 0)
        let told = try AuditRecord.read(path).compactMap(\.requestId)
        #expect(told == ["a"] + Array(repeating: "more", count: begun) + ["b"])
        // The line of a refused request may find no space. It is kept.
        for _ in 0..<1_000 where log.pending == 0 { await log.record(line("refused"), isAdmitted: false) }
        #expect(log.pending == 1)
        try handle.truncate(atOffset: 0)
        #expect(try await log.admit())
        await log.record(line("last"), isAdmitted: true)
        #expect(log.pending == 0)
        let all = try AuditRecord.read(path).compactMap(\.requestId)
        #expect(all.last == "last")
        #expect(all.count { $0 == "refused" } >= 1)
        try handle.close()
        #expect(try await Subprocess.run("/bin/umount", ["-l", place]).status == 0)
        try FileManager.default.removeItem(atPath: place)
    }

    @Test func manyAtOnceAreEachToldOnce() async throws {
        let path = Self.temporaryPath()
        defer { try? FileManager.default.removeItem(atPath: path) }
        let log = try log(.file(path))
        try await withThrowingTaskGroup { group in
            for client in 0..<32 {
                group.addTask {
                    for number in 0..<100 {
                        let isAdmitted = try await log.admit()
                        #expect(isAdmitted)
                        await log.record(self.line("\(client)-\(number)"), isAdmitted: true)
                    }
                }
            }
            try await group.waitForAll()
        }
        let ids = try AuditRecord.read(path).compactMap(\.requestId)
        #expect(ids.count == 3200)
        #expect(Set(ids).count == 3200)
    }

    // MARK: Routes

    @Test func eachMutationAndEachRefusalHasOneLineWhateverComesOfIt() async throws {
        let (path, tokens) = (Self.temporaryPath(), Self.temporaryPath())
        defer { for file in [path, tokens] { try? FileManager.default.removeItem(atPath: file) } }
        let token = AccessToken()
        try TokenEntry(identity: "known", scopes: ["all:*"], token: token, lifetime: nil).add(to: tokens)
        let settings = ["audit-log": path, "token-file": tokens]
        let values = try SettingValues(commandLine: settings, environment: [:], file: nil)
        let service = try RBDService(
            configuration: try ServiceConfiguration(values),
            logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }
        )
        let routes = service.endpoints
        try await Application(router: service.buildRouter()).test(.router) { client in
            for (number, route) in routes.enumerated() {
                let uri = route.path.replacing(/\{[a-z]+\}/, with: "x")
                for (kind, query, header) in [
                    ("known", "?token=hunter2", token.text), ("dry", "?dryRun=true", token.text),
                    ("twice", "?dryRun=true&dryRun=true", token.text), ("wrong", "", "hunter2"),
                ] {
                    let headers: HTTPFields = [
                        .authorization: "Bearer \(header)", HTTPField.Name("X-Request-Id")!: "\(kind)-\(number)",
                    ]
                    _ = try await client.execute(uri: uri + query, method: route.method, headers: headers)
                }
            }
            for uri in ["/nowhere", "/v1//pools"] { _ = try await client.execute(uri: uri, method: .post) }
        }
        let text = try String(contentsOfFile: path, encoding: .utf8)
        #expect(!text.contains("hunter2"))
        #expect(!text.contains(token.text))
        let records = Dictionary(grouping: try AuditRecord.parse(text)) { $0.requestId ?? "" }
        for (number, route) in routes.enumerated() {
            let name = "\(route.method) \(route.path)"
            let isMutation = route.method != .get
            #expect(records["known-\(number)"]?.count == (isMutation ? 1 : nil), "\(name)")
            #expect(records["twice-\(number)"]?.count == (isMutation ? 1 : nil), "\(name)")
            #expect(records["dry-\(number)"] == nil, "\(name)")
            let wrong = records["wrong-\(number)"]
            #expect(wrong?.count == (route.rule.verb == nil ? nil : 1), "\(name)")
            if let wrong = wrong?.first {
                #expect(wrong.outcome == "refused" && wrong.status == 401 && wrong.code == "unauthenticated")
                #expect(wrong.identity == nil && wrong.route == route.path)
            }
            if let known = records["known-\(number)"]?.first {
                #expect(known.identity == "known" && known.outcome == "failed" && known.route == route.path)
                #expect(known.verb != nil && known.verb != "read")
            }
        }
        #expect(records.values.joined().count { $0.event == "request" } == records.count - 1)
    }
}
