// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import Foundation

/// What it costs a request that its caller is known by a token: the same request to a service that asks nobody who he
/// is, and to others that do, by the number of tokens in their files.
///
/// The request has a parameter that there is not. Its route asks who asks, and refuses it then before anything is asked
/// of the cluster: no other route that asks is as cheap, and `/livez` does not ask.
struct AuthenticationBench: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "authentication",
        abstract: "A request that costs nothing else, with and without tokens, over 1 and 16 kept connections."
    )

    @OptionGroup var places: Places
    @OptionGroup var record: RecordOptions

    @Option(help: "The daemon's path: one is started for each number of tokens.")
    var daemon: String

    @Option(help: "How many tokens the file has; may be given several times. Default: 1, 100 and 10000.")
    var tokens: [Int] = []

    @Option(help: "Seconds that each service is asked in one turn.")
    var seconds = 0.5

    @Option(help: "Rounds.")
    var rounds = 5

    @Option(help: "Fail where the median costs a request more microseconds than this.")
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
                    // Of many at once each waits for the others: how long an answer takes then says little of what it
                    // costs.
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
                recorder.judge("\(name) \(over): \(quantity) beyond none", beyond, unit: "us", limit: bound)
            }
        }
        try recorder.finish()
    }

    private static let baseline = "nobody is asked"

    /// A file of tokens of which one is known, the last. It goes with its owner.
    private final class TokenFile {
        let path = FileManager.default.temporaryDirectory.appendingPathComponent("\(UUID()).yaml").path
        let token: String

        /// - Parameter binary: the daemon's path; it makes the one.
        init(of count: Int, made binary: String) throws {
            var text = "identities:\n"
            for number in 1..<max(1, count) {
                let digest = (0..<8).map { _ in String(format: "%08x", UInt32.random(in: 0 ... .max)) }.joined()
                text +=
                    "  - name: caller-\(number)\n    scopes: [read:rbd/pvc-*]\n    tokens:\n      - sha256: \(digest)\n"
            }
            let attributes: [FileAttributeKey: Any] = [.posixPermissions: 0o600]
            guard FileManager.default.createFile(atPath: path, contents: Data(text.utf8), attributes: attributes) else {
                throw ValidationError("\(path) can't be written")
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
                throw ValidationError("no token could be made")
            }
        }

        deinit {
            try? FileManager.default.removeItem(atPath: path)
        }
    }
}
