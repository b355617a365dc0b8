// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import Foundation

/// Measures the cost of authenticating a caller by token: the same request to a service without authentication, and to
/// services with it, by the number of tokens in their files.
///
/// The request has an unknown parameter. Its route authenticates the caller, and refuses the request before it contacts
/// the cluster. No other route with authentication is as cheap, and `/livez` has none.
struct AuthenticationBench: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "authentication",
        abstract: "The cost of authentication by token: a request with and without it, over 1 and 16 kept connections."
    )

    @OptionGroup var places: Places
    @OptionGroup var record: RecordOptions

    @Option(help: "The daemon's path. One daemon is started for each number of tokens.")
    var daemon: String

    @Option(help: "The number of tokens in the file. May be repeated. Default: 1, 100 and 10000.")
    var tokens: [Int] = []

    @Option(help: "How long each service gets requests in one turn, in seconds.")
    var seconds = 0.5

    @Option(help: "The number of rounds.")
    var rounds = 5

    @Option(help: "Fail if authentication costs a request more microseconds than this, at the median.")
    var bound = 50.0

    func run() throws {
        let recorder = Recorder(record, workload: "authentication")
        let path = "\(places.images)?nothing=1"
        let open = try FreshService(daemon)
        let known = try (tokens.isEmpty ? [1, 100, 10_000] : tokens).map { count in
            let file = try TokenFile(of: count, made: daemon)
            return (
                name: "\(count) token\(count == 1 ? "" : "s")",
                header: "Authorization: Bearer \(file.token)",
                service: try FreshService(daemon, ["--token-file", file.path]),
                file: file
            )
        }
        for connections in [1, 16] {
            var contest = Contest(unit: "us")
            func add(_ name: String, _ server: String, _ headers: [String], status: Int = 400) throws {
                let load = try HTTPLoad(
                    server: server,
                    path: path,
                    connections: connections,
                    headers: headers,
                    status: status
                )
                _ = try load.run(seconds: seconds)
                contest.add(name) { _ in
                    let answers = try load.run(seconds: seconds)
                    // Many requests at once wait for each other, so the time of one answer says little about its
                    // cost.
                    return connections == 1 ? percentile(50, of: load.latencies) * 1000 : 1_000_000 / answers
                }
            }
            try add(Self.baseline, open.url, [])
            for (name, header, service, _) in known { try add(name, service.url, [header]) }
            let results = try contest.run(rounds: rounds)
            let quantity = connections == 1 ? "p50" : "time per answer"
            let over = "over \(connections) connection\(connections == 1 ? "" : "s")"
            results.printTable("a refused request \(over), \(quantity)", base: Self.baseline)
            results.record(recorder, quantity, clients: connections)
            let without = results.of(Self.baseline)
            for (name, _, _, _) in known {
                let beyond = results.of(name).compactMap { round, value in without[round].map { value - $0 } }
                recorder.judge("\(name) \(over): \(quantity) beyond \(Self.baseline)", beyond, unit: "us", limit: bound)
            }
        }
        try recorder.finish()
    }

    private static let baseline = "no authentication"

    /// A file of tokens. The last token is known; the others are random digests. `deinit` removes the file.
    private final class TokenFile {
        let path = FileManager.default.temporaryDirectory.appendingPathComponent("\(UUID()).yaml").path
        let token: String

        /// - Parameter binary: the daemon's path. It makes the last token.
        init(of count: Int, made binary: String) throws {
            var text = "identities:\n"
            for number in 1..<max(1, count) {
                let digest = (0..<8).map { _ in String(format: "%08x", UInt32.random(in: 0 ... .max)) }.joined()
                text +=
                    "  - name: caller-\(number)\n    scopes: [read:rbd/pvc-*]\n    tokens:\n      - sha256: \(digest)\n"
            }
            let attributes: [FileAttributeKey: Any] = [.posixPermissions: 0o600]
            guard FileManager.default.createFile(atPath: path, contents: Data(text.utf8), attributes: attributes) else {
                throw ValidationError("\(path) could not be written")
            }
            let (process, output) = (Process(), Pipe())
            process.executableURL = URL(fileURLWithPath: binary)
            process.arguments = ["token", "new", "--name", "benchmark", "--scope", "all:*", "--add-to", path]
            process.standardOutput = output
            try process.run()
            token = String(decoding: try output.fileHandleForReading.readToEnd() ?? Data(), as: UTF8.self)
                .trimmingCharacters(in: .newlines)
            process.waitUntilExit()
            guard process.terminationStatus == 0, !token.isEmpty else {
                throw ValidationError("\(binary) could not make a token")
            }
        }

        deinit {
            try? FileManager.default.removeItem(atPath: path)
        }
    }
}
