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
            nodeStageSecretRef: {name: csi-rbd-secret, namespace: default}
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

    /// If one file can't be read, no image is created.
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

    // MARK: Input

    private func prehook(_ server: TestServer, input: String, _ options: String...) async throws -> Subprocess {
        var environment = ProcessInfo.processInfo.environment
        environment["RBDCTL_SERVER"] = server.url
        let command = "\(Subprocess.built("rbdctl")) kubernetes prehook -f - \(options.joined(separator: " "))"
        return try await Subprocess.run("/bin/sh", ["-c", "\(command) < '\(input)'"], environment: environment)
    }

    @Test func standardInputIsRead() async throws {
        try await TestServer.withCluster { server in
            try await TestCluster.withPool { pool, cluster in
                let files = try TemporaryFolder()
                let text = manifest("one", pool, cluster.fsid) + manifest("two", pool, cluster.fsid)
                // The file as an editor on Windows saves it.
                try files.replace("input", "\u{FEFF}" + text.replacing("\n", with: "\r\n"))
                let made = try await prehook(server, input: files.path("input"), "-o", "yaml")
                #expect(made.status == 0, "\(made.standardError)")
                let start = "- source: standard input (-):2\n  volume: one\n  outcome: created\n"
                #expect(made.standardOutput.hasPrefix(start), "\(made)")
                #expect(made.standardOutput.contains("  image: \(pool)/two\n  sizeBytes: 1073741824\n  features:\n"))
                #expect(try await TestCluster.run("rbd", ["ls", pool]) == "one\ntwo\n")

                let latin = Data("# \u{E4}\n\(text)".unicodeScalars.map { UInt8($0.value) })
                try latin.write(to: URL(fileURLWithPath: files.path("latin")))
                let refused = try await prehook(server, input: files.path("latin"))
                #expect(refused.status == 4)
                #expect(refused.standardError == "rbdctl: standard input (-) is not UTF-8\n")
                #expect(try await rbdctl(server, "kubernetes", "prehook", "-f", files.path("latin")).status == 4)
            }
        }
    }

    @Test func whatKubectlWritesIsRead() async throws {
        try await TestServer.withCluster { server in
            try await TestCluster.withPool { pool, cluster in
                func json(_ name: String, _ type: String = "") -> String {
                    #"{\#(type)"metadata":{"name":"\#(name)","annotations":{"note":"\ud83d\ude00"}},"spec":{"capacity":{"storage":"1Mi"},"#
                        + #""csi":{"driver":"rbd.csi.ceph.com","volumeHandle":"\#(name)","volumeAttributes":"#
                        + #"{"clusterID":"\#(cluster.fsid)","pool":"\#(pool)","staticVolume":"true"}}}}"#
                }
                let type = #""apiVersion":"v1","kind":"PersistentVolume","#
                let list = #"{"kind":"PersistentVolumeList","apiVersion":"v1","items":[\#(json("a")),\#(json("b"))]}"#
                let files = try TemporaryFolder()
                try files.replace("input", list + json("c", type) + "\n" + json("d", type) + "\n")
                let made = try await prehook(server, input: files.path("input"), "-o", "json")
                #expect(made.status == 0, "\(made.standardError)")
                let results = try JSONDecoder().decode([VolumeOutcome].self, from: Data(made.standardOutput.utf8))
                #expect(results.map(\.image) == ["a", "b", "c", "d"].map { "\(pool)/\($0)" })
                #expect(results.allSatisfy { $0.outcome == .created && $0.sizeBytes == 1 << 20 })
                #expect(try await TestCluster.run("rbd", ["ls", pool]) == "a\nb\nc\nd\n")
            }
        }
    }

    @Test func aMountedConfigMapWithMergeKeysIsRead() async throws {
        try await TestServer.withCluster { server in
            try await TestCluster.withPool { pool, cluster in
                let files = try TemporaryFolder()
                let hidden = "..2024_10_16_17_06_44.1234567890"
                try FileManager.default.createDirectory(
                    atPath: files.path(hidden),
                    withIntermediateDirectories: false
                )
                let volumes = """
                    apiVersion: v1
                    kind: List
                    attributes: &attributes {clusterID: \(cluster.fsid), pool: none, staticVolume: "true"}
                    items:
                    - apiVersion: v1
                      kind: PersistentVolume
                      metadata: {name: merged}
                      spec:
                        capacity: {storage: 1Mi}
                        csi:
                          driver: rbd.csi.ceph.com
                          volumeHandle: merged
                          volumeAttributes: {<<: [*attributes], pool: \(pool)}
                    """
                try files.replace("\(hidden)/pv.yaml", volumes)
                for (link, target) in [("..data", hidden), ("pv.yaml", "..data/pv.yaml")] {
                    try FileManager.default.createSymbolicLink(atPath: files.path(link), withDestinationPath: target)
                }
                for (option, outcome) in [("--filename", "created"), ("-Rf", "adopted")] {
                    let made = try await rbdctl(server, "kubernetes", "prehook", option, files.path(""), "-o", "json")
                    #expect(made.status == 0, "\(made.standardError)")
                    let results = try JSONDecoder().decode([VolumeOutcome].self, from: Data(made.standardOutput.utf8))
                    #expect(results.map(\.image) == ["\(pool)/merged"])
                    #expect(results.map(\.outcome.rawValue) == [outcome])
                }
            }
        }
    }

    // MARK: Interruption

    @Test func aServiceThatIsAwayIsToldForEachVolume() async throws {
        let files = try TemporaryFolder()
        try files.replace("a.yaml", manifest("one", "rbd", "x") + manifest("two", "rbd", "x"))
        let away = TestServer(url: "http://127.0.0.1:1")
        let ended = try await rbdctl(away, "kubernetes", "prehook", "-f", files.path("a.yaml"))
        #expect(ended.status == 6)
        let rows = ended.standardOutput.split(separator: "\n").dropFirst()
        let starts = rows.map { $0.split(separator: " ").prefix(4).joined(separator: " ") }
        #expect(starts == ["one - - failed", "two - - failed"])
        #expect(rows.allSatisfy { $0.contains("can't connect to http://127.0.0.1:1: connection refused") })
        let json = try await rbdctl(away, "kubernetes", "prehook", "-f", files.path("a.yaml"), "-o", "json")
        #expect(json.status == 6)
        #expect(json.standardOutput.contains(#""outcome": "failed""#))
    }

    @Test(arguments: [SIGINT, SIGTERM])
    func whatWasMadeIsToldAtCtrlC(signal: Int32) async throws {
        let files = try TemporaryFolder()
        try files.replace("a.yaml", ["one", "two", "three"].map { manifest($0, "rbd", "x") }.joined())
        let made = VolumeOutcome(volume: "one", outcome: .created, image: "rbd/one", sizeBytes: 1 << 30, features: [])
        let server = try MuteServer(firstAnswer: JSONEncoder().encode(made))
        let arguments = ["kubernetes", "prehook", "-f", files.path("a.yaml"), "--server", server.url]
        let running = try RunningProcess(Subprocess.built("rbdctl"), arguments)
        await server.secondRequest()
        running.signal(signal)
        let ended = await running.finish()
        // Foundation reports the number of the signal that ended the process.
        #expect(ended.status == signal)
        let rows = ended.standardOutput.split(separator: "\n").dropFirst()
        #expect(rows.count == 2)
        #expect(rows.first?.contains("rbd/one  1GiB  created") == true, "\(ended)")
        #expect(rows.last?.contains("interrupted; it is not known whether the image was created") == true, "\(ended)")
        #expect(ended.standardError.hasSuffix("rbdctl: interrupted; 1 of 3 volumes were not tried\n"), "\(ended)")
    }
}

/// Answers the first request, and does not answer the second one.
private final class MuteServer: Sendable {
    let url: String
    private let requests: AsyncStream<Void>

    init(firstAnswer: Data) throws {
        let listener = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
        var length = socklen_t(MemoryLayout<sockaddr_in>.size)
        let result = withUnsafeMutablePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                bind(listener, $0, length) | listen(listener, 1) | getsockname(listener, $0, &length)
            }
        }
        try #require(result == 0)
        url = "http://127.0.0.1:\(UInt16(bigEndian: address.sin_port))"
        let (requests, continuation) = AsyncStream.makeStream(of: Void.self)
        self.requests = requests
        DispatchQueue.global().async {
            let connection = accept(listener, nil, nil)
            var buffer = [UInt8](repeating: 0, count: 1 << 16)
            func request() {
                var text = ""
                repeat {
                    let count = read(connection, &buffer, buffer.count)
                    guard count > 0 else { return }
                    text += String(decoding: buffer[..<count], as: UTF8.self)
                } while !text.hasSuffix("}")
            }
            request()
            let fields = "content-type: application/json\r\ncontent-length: \(firstAnswer.count)\r\n"
            let head = "HTTP/1.1 200 OK\r\n\(fields)\r\n"
            let answer = Array(head.utf8) + firstAnswer
            _ = write(connection, answer, answer.count)
            request()
            continuation.yield()
            // Wait until the client closes the connection.
            request()
            close(connection)
            close(listener)
        }
    }

    func secondRequest() async {
        _ = await requests.first { _ in true }
    }
}
