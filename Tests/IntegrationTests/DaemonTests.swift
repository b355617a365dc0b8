// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

import Foundation
import RBDAPI
import RBDService
import TestSupport
import Testing

/// The daemon as a program, run as in production.
@Suite(.tags(.cluster), .enabled(if: TestCluster.isAvailable), .timeLimit(.minutes(5)))
struct DaemonTests {
    private static let path = RunningDaemon.path

    private func environment(_ changes: [String: String?] = [:]) -> [String: String] {
        var environment = ProcessInfo.processInfo.environment
        for (name, value) in changes { environment[name] = value }
        return environment
    }

    @Test func helpNamesEverySettingWithItsVariableAndDefault() async throws {
        let help = try await Subprocess.run(Self.path, ["--help"])
        #expect(help.status == 0)
        let text = help.standardOutput.split(whereSeparator: \.isWhitespace).joined(separator: " ")
        for (flag, variable, value) in [
            ("--host", "RBD_REST_API_HOST", "127.0.0.1"), ("--port", "RBD_REST_API_PORT", "8080"),
            ("--ceph-conf", "RBD_REST_API_CEPH_CONF", nil), ("--ceph-user", "RBD_REST_API_CEPH_USER", nil),
            ("--ceph-keyring", "RBD_REST_API_CEPH_KEYRING", nil), ("--config", "RBD_REST_API_CONFIG", nil),
            ("--log-level", "RBD_REST_API_LOG_LEVEL", "info"),
        ] as [(String, String, String?)] {
            #expect(text.contains(flag))
            #expect(text.contains("env: \(variable)\(value.map { ", default: \($0)" } ?? "")]"), "\(flag)")
        }
        for setting in Settings.all {
            let origin = "env: \(setting.environmentName)\(setting.defaultValue.map { ", default: \($0)" } ?? "")"
            #expect(text.contains("--\(setting.name) <\(setting.valueName)> \(setting.help) [\(origin)]"))
        }
        // The text beside an option is indented further.
        let options = help.standardOutput.split(separator: "\n").compactMap {
            $0.prefixMatch(of: #/  --([a-z-]+)/#).map { String($0.output.1) }
        }
        #expect(options.starts(with: ["config", "print-config"] + Settings.all.map(\.name)))
    }

    @Test func printConfigSaysWhereEachValueComesFrom() async throws {
        let result = try await Subprocess.run(
            Self.path,
            ["--print-config", "--host", "::1"],
            environment: environment(["RBD_REST_API_PORT": "9"])
        )
        #expect(result.status == 0)
        #expect(result.standardOutput.contains("host: '::1'  # command line"))
        #expect(result.standardOutput.contains("port: 9  # environment RBD_REST_API_PORT"))
        #expect(result.standardOutput.contains("log-level: info  # default"))
    }

    @Test(
        arguments: [
            (["--port", "http"], "port (command line): \"http\" is not a whole number"),
            (["--config", "/nonexistent.yaml"], "\"/nonexistent.yaml\" can't be read"),
            (["--ceph-conf", "/nonexistent.conf"], "\"/nonexistent.conf\" does not exist"),
            (["--ceph-args", "--mon-hots x"], "--mon-hots x is not known to Ceph"),
        ]
    )
    func badConfigurationIsOneSentence(arguments: [String], sentence: String) async throws {
        let result = try await Subprocess.run(Self.path, arguments)
        #expect(result.status == 78)
        #expect(result.standardError.contains(sentence))
        #expect(result.standardError.split(separator: "\n").count == 1, "\(result.standardError)")
    }

    @Test func anUnknownOptionIsRefused() async throws {
        let result = try await Subprocess.run(Self.path, ["--prot", "1"])
        #expect(result.status == 64)
        #expect(result.standardError.contains("--prot"))
    }

    @Test func aBusyPortIsOneSentence() async throws {
        let daemon = try await RunningDaemon.start()
        let (process, server) = (daemon.process, daemon.server)
        let port = try #require(server.url.split(separator: ":").last)
        let result = try await Subprocess.run(Self.path, ["--port", String(port)])
        #expect(result.status == 1)
        #expect(result.standardError.contains("can't listen on 127.0.0.1 port \(port): it is in use already"))
        #expect(result.standardError.contains("--port"))
        process.signal(SIGTERM)
        #expect(await process.finish().status == 0)
    }

    @Test func aBusyPortOfTheWebhookIsNamedAsThat() async throws {
        let certificate = try await ServerCertificate()
        let webhook = [
            "--webhook-tls-certificate", certificate.certificate, "--webhook-tls-key", certificate.key,
            "--kubernetes-pools", "rbd",
        ]
        let daemon = try await RunningDaemon.start()
        let port = try #require(daemon.server.url.split(separator: ":").last)
        let arguments = ["--port", "0", "--audit-log", "off", "--webhook-port", String(port)] + webhook
        let result = try await Subprocess.run(Self.path, arguments)
        #expect(result.status == 1)
        #expect(result.standardError.contains("can't listen on 127.0.0.1 port \(port): it is in use already"))
        #expect(result.standardError.contains("--webhook-host and --webhook-port"))
        daemon.process.signal(SIGTERM)
        _ = await daemon.process.finish()

        let both = try RunningProcess(
            Self.path,
            ["--port", "0", "--audit-log", "off", "--webhook-port", "0"] + webhook
        )
        let line = try await both.waitForOutput(containing: "webhook listening on ")
        #expect(line.contains("rbd-rest-api webhook listening on https://127.0.0.1:"))
        both.signal(SIGTERM)
        #expect(await both.finish().status == 0)
    }

    @Test func cephArgsLeadToTheCluster() async throws {
        let monitors = try await TestCluster.run("ceph-conf", ["--show-config-value", "mon_host"])
            .trimmingCharacters(in: .whitespacesAndNewlines)
        let keyring = try await TestCluster.serviceKeyring
        let arguments = "--mon-host \(monitors) --keyring \(keyring) --name \(TestCluster.serviceUser)"
        let bare = environment(["CEPH_CONF": "/dev/null", "CEPH_ARGS": nil])
        // Once with the environment variable of Ceph's tools, and once with the setting.
        for (flags, variables) in [([], ["CEPH_ARGS": arguments]), (["--ceph-args", arguments], [:])] {
            let environment = bare.merging(variables) { $1 }
            let daemon = try await RunningDaemon.start(flags, environment: environment, isUser: false)
            let (process, server) = (daemon.process, daemon.server)
            #expect(try await server.get("/v1/cluster").status == 200)
            process.signal(SIGTERM)
            #expect(await process.finish().status == 0)
        }
    }

    @Test func aWrongKeyShowsInReadyz() async throws {
        let keyring = FileManager.default.temporaryDirectory.appendingPathComponent("\(UUID()).keyring").path
        _ = try await Subprocess.run(
            "/usr/bin/ceph-authtool",
            ["--create-keyring", keyring, "--gen-key", "-n", "client.admin"]
        )
        defer { try? FileManager.default.removeItem(atPath: keyring) }
        let process = try RunningProcess(Self.path, ["--port", "0", "--ceph-keyring", keyring])
        let line = try await process.waitForOutput(containing: "listening on ")
        let server = TestServer(url: String(try #require(line.split(separator: " ").last)))
        #expect(try await server.get("/livez").status == 200)
        while true {
            let problem = try await server.get("/readyz").problem
            #expect(problem.code == "cluster-unavailable")
            if problem.detail.contains("refused the service's credentials") { break }
            try await Task.sleep(for: .milliseconds(50))
        }
        process.signal(SIGTERM)
        #expect(await process.finish().status == 0)
    }

    /// It continues to serve until load balancers have noticed.
    @Test func itServesForAWhileAfterSigterm() async throws {
        let daemon = try await RunningDaemon.start(["--shutdown-delay", "3"])
        #expect(try await daemon.server.get("/v1/pools").headers["connection"] != "close")
        let begin = ContinuousClock.now
        daemon.process.signal(SIGTERM)
        while try await daemon.server.get("/readyz").status == 200 { try await Task.sleep(for: .milliseconds(20)) }
        #expect(try await daemon.server.get("/readyz").problem.detail == "the service is shutting down")
        let answer = try await daemon.server.get("/v1/pools")
        #expect(answer.status == 200)
        // The client sends its next request to another replica.
        #expect(answer.headers["connection"] == "close")
        #expect(await daemon.process.finish().status == 0)
        #expect(ContinuousClock.now - begin >= .seconds(3))
    }

    @Test func sigtermFinishesWhatIsInFlight() async throws {
        try await TestCluster.withPool { pool, _ in
            let daemon = try await RunningDaemon.start()
            let (process, server) = (daemon.process, daemon.server)
            let answers = try await withThrowingTaskGroup(of: (name: String, status: Int?).self) { group in
                for number in 0..<16 {
                    group.addTask {
                        let name = "vol-\(number)"
                        // A refused connection is acceptable too: the daemon has stopped listening.
                        let answer = try? await server.put("/v1/pools/\(pool)/images/\(name)", #"{"size":"1GiB"}"#)
                        return (name, answer?.status)
                    }
                }
                // Once one request is answered, the others are in flight.
                let first = try await group.next()
                process.signal(SIGTERM)
                return try await group.reduce(into: first.map { [$0] } ?? []) { $0.append($1) }
            }
            let result = await process.finish()
            #expect(result.status == 0, "\(result.standardError)")
            let acknowledged = Set(answers.filter { $0.status == 201 }.map(\.name))
            #expect(!acknowledged.isEmpty)
            #expect(answers.allSatisfy { $0.status == 201 || $0.status == nil })
            let listed = try await TestCluster.run("rbd", ["ls", pool]).split(separator: "\n").map(String.init)
            #expect(Set(listed) == acknowledged)
        }
    }
}
