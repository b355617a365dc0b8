// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

import Foundation
import Logging
import TestSupport
import Testing

@testable import RBDService

/// Secrets are planted wherever they can come in, and then searched for in everything that the programs write.
@Suite(.tags(.cluster), .enabled(if: TestCluster.isAvailable), .timeLimit(.minutes(5)))
struct SecretsTests {
    // MARK: The secrets

    /// Texts that must not appear anywhere, in all forms in which they may be written.
    private struct Secrets {
        private(set) var forms: [(name: String, text: String)] = []

        mutating func plant(_ name: String, _ secret: String) {
            let bytes = Data(secret.utf8)
            let base64 = bytes.base64EncodedString()
            forms += [
                (name, secret),
                ("\(name) in base64", base64.trimmingCharacters(in: ["="])),
                ("\(name) in base64url", Base64URL.encode(bytes)),
                ("\(name) in hex", bytes.map { String(format: "%02x", $0) }.joined()),
                ("\(name) percent-encoded", secret.addingPercentEncoding(withAllowedCharacters: .alphanumerics) ?? ""),
            ]
        }

        mutating func plant(_ name: String, _ token: AccessToken) {
            plant(name, token.text)
            // The token's random part behind the prefix, and the digest that is stored.
            plant("\(name), its random part", String(token.text.dropFirst(4)))
            plant("\(name), its digest", token.sha256)
        }

        /// Expects none of the secrets, in upper or lower case.
        func expectNone(in text: String, _ place: String) {
            let text = text.lowercased()
            for (name, secret) in forms where text.contains(secret.lowercased()) {
                Issue.record("\(place) has the \(name)")
            }
        }
    }

    private final class Folder: Sendable {
        private let url = FileManager.default.temporaryDirectory.appendingPathComponent("\(UUID())")

        init() throws { try FileManager.default.createDirectory(at: url, withIntermediateDirectories: false) }

        deinit { try? FileManager.default.removeItem(at: url) }

        func path(_ name: String) -> String { url.appendingPathComponent(name).path }

        /// - Returns: the path of a new file that only its owner can read.
        @discardableResult
        func write(_ text: String, _ name: String, mode: Int = 0o600) throws -> String {
            let other = path("\(name).new")
            try Data(text.utf8).write(to: URL(fileURLWithPath: other))
            try FileManager.default.setAttributes([.posixPermissions: mode], ofItemAtPath: other)
            guard rename(other, path(name)) == 0 else { throw CocoaError(.fileWriteUnknown) }
            return path(name)
        }
    }

    private let good = AccessToken()
    private let wrong = AccessToken()
    private let expired = AccessToken()

    private var tokenFile: String {
        """
        identities:
          - name: known
            scopes: ["all:*"]
            tokens:
              - sha256: \(good.sha256)
              - sha256: \(expired.sha256)
                expires: 2020-01-01T00:00:00Z

        """
    }

    private var tokens: Secrets {
        var secrets = Secrets()
        secrets.plant("token", good)
        secrets.plant("unknown token", wrong)
        secrets.plant("expired token", expired)
        return secrets
    }

    private func keyring() async throws -> String {
        try String(contentsOfFile: try await TestCluster.serviceKeyring, encoding: .utf8)
    }

    /// - Parameter text: the contents of a keyring.
    private func key(in text: String) throws -> String {
        String(try #require(text.firstMatch(of: /key = (\S+)/)).1)
    }

    // MARK: The daemon

    /// Sends one request with curl, which sends anything.
    /// - Returns: the answer with its head.
    private func curl(_ url: String, _ trust: String, _ arguments: [String]) async throws -> String {
        let common = ["--silent", "--include", "--path-as-is", "--max-time", "60", "--cacert", trust]
        let result = try await Subprocess.run("/usr/bin/curl", common + arguments + [url])
        // curl ends with 56 if the connection was closed, and with 52 if there was no answer.
        #expect([0, 52, 56].contains(result.status), "\(url) \(arguments): curl ended with \(result.status)")
        return result.standardOutput
    }

    private func status(_ answer: String) -> String { String(answer.dropFirst("HTTP/1.1 ".count).prefix(3)) }

    @Test func nothingSecretLeavesTheDaemon() async throws {
        let folder = try Folder()
        let (certificate, tlsKey) = (folder.path("tls.crt"), folder.path("tls.key"))
        let made = try await Subprocess.run(
            "/usr/bin/openssl",
            [
                "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "1",
                "-subj", "/CN=planted", "-addext", "subjectAltName=IP:127.0.0.1", "-keyout", tlsKey, "-out",
                certificate,
            ]
        )
        try #require(made.status == 0, "\(made.standardError)")
        try FileManager.default.setAttributes([.posixPermissions: 0o600], ofItemAtPath: tlsKey)
        let file = try folder.write(tokenFile, "tokens.yaml")

        var secrets = tokens
        secrets.plant("Ceph key", try await key(in: keyring()))
        for line in try String(contentsOfFile: tlsKey, encoding: .utf8).split(separator: "\n") where line.first != "-" {
            secrets.plant("TLS key", String(line))
        }

        let options =
            try await TestCluster.userOptions + [
                "--token-file", file, "--tls-certificate", certificate, "--tls-key", tlsKey, "--log-level", "trace",
            ]
        let process = try RunningProcess(RunningDaemon.path, ["--port", "0"] + options)
        let line = try await process.waitForOutput(containing: "listening on ")
        let server = String(try #require(line.split(separator: " ").last))
        while status(try await curl("\(server)/readyz", certificate, [])) != "200" {
            try await Task.sleep(for: .milliseconds(50))
        }
        func bearer(_ token: AccessToken) -> [String] { ["--header", "Authorization: Bearer \(token.text)"] }

        let service = try RBDService(
            configuration: ServiceConfiguration(SettingValues(commandLine: [:], environment: [:], file: nil)),
            logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }
        )
        try await TestCluster.withPool { pool, _ in
            for route in service.endpoints {
                let path = route.path.replacing("{pool}", with: pool).replacing(/\{[a-z]+\}/, with: "x")
                let method = ["--request", "\(route.method)", "--header", "Content-Type: application/json"]
                let body = ["GET", "DELETE"].contains("\(route.method)") ? [] : ["--data", "{}"]
                for (credentials, query) in [
                    (bearer(good), ""), (bearer(wrong), ""), (bearer(expired), ""),
                    ([], "?token=\(good.text)&access_token=\(good.text)"),
                    (bearer(good), "?token=\(wrong.text)&access_token=\(expired.text)"),
                ] {
                    let answer = try await curl("\(server)\(path)\(query)", certificate, method + body + credentials)
                    secrets.expectNone(in: answer, "the answer to \(route.method) \(route.path)")
                    if case .everybody = route.rule { continue }
                    if credentials != bearer(good) { #expect(status(answer) == "401", "\(route.method) \(path)") }
                }
            }
            // Unknown parameters, on routes that know their parameters.
            let images = "\(server)/v1/pools/\(pool)/images"
            let refused = try await curl("\(images)?access_token=\(good.text)", certificate, bearer(good))
            #expect(status(refused) == "400")
            // Malformed requests, which fail in the parser or after it.
            for headers in [
                ["Authorization: Basic \(good.text)"], ["Authorization: \(good.text)"],
                ["Authorization: Bearer \(good.text) and more"], ["Authorization: Bearer  \(wrong.text)\t"],
                ["Authorization: Bearer \(good.text)", "Authorization: Bearer \(wrong.text)"],
                ["Authorization: Bearer \(good.text)", "Host: a", "Host: b"],
                ["Authorization: Bearer \(good.text)", "Content-Length: x"],
                ["Authorization: Bearer \(good.text)", "Transfer-Encoding: \(good.text)"],
                ["Authorization: Bearer \(good.text)", "Expect: \(good.text)"],
                ["Authorization: Bearer \(good.text)\u{1}"],
                ["Authorization: Bearer \(String(repeating: good.text, count: 600))"],
                ["Cookie: token=\(good.text)", "X-Token: \(good.text)", "X-Request-Id: \(good.text) \(good.text)"],
                ["Authorization: Bearer \(good.text)", "If-Match: \(good.text)", "Accept: \(good.text)"],
            ] {
                let answer = try await curl(images, certificate, headers.flatMap { ["--header", $0] })
                secrets.expectNone(in: answer, "the answer to \(headers.map { $0.prefix(24) })")
            }
            let bodies = [#"{"name":"x","size":"1GiB","token":"\#(good.text)"}"#, "{\"\(good.text)", good.text]
            for body in bodies {
                let json = ["--header", "Content-Type: application/json", "--data", body]
                let answer = try await curl(images, certificate, bearer(good) + json)
                #expect(status(answer) == "400")
                secrets.expectNone(in: answer, "the answer to a body with a token")
            }
        }
        // An invalid token file, as someone may write it who takes the token for its digest.
        try folder.write("identities:\n  - name: known\n    tokens:\n      - \(good.text)\n", "tokens.yaml")
        while try await curl("\(server)/v1/pools", certificate, bearer(wrong)).isEmpty {}
        try await Task.sleep(for: .milliseconds(1100))
        #expect(status(try await curl("\(server)/v1/pools", certificate, bearer(good))) == "200")

        secrets.expectNone(in: try await curl("\(server)/metrics", certificate, bearer(good)), "/metrics")
        for name in ["cmdline", "environ"] {
            let file = "/proc/\(process.processIdentifier)/\(name)"
            let text = String(decoding: FileManager.default.contents(atPath: file) ?? Data(), as: UTF8.self)
            #expect(!text.isEmpty)
            secrets.expectNone(in: text, file)
        }
        process.signal(SIGTERM)
        let end = await process.finish()
        #expect(end.status == 0)
        #expect(end.standardError.contains("the token file can't be used; the previous content stays in use"))
        #expect(end.standardError.contains(#""level":"trace""#) || end.standardError.contains(#""level":"debug""#))
        secrets.expectNone(in: end.standardError, "the log")
        secrets.expectNone(in: end.standardOutput, "the standard output")

        try folder.write(tokenFile, "tokens.yaml")
        let shown = try await Subprocess.run(RunningDaemon.path, ["--print-config"] + options)
        #expect(shown.status == 0)
        secrets.expectNone(in: shown.standardOutput + shown.standardError, "--print-config")
    }

    @Test func whatIsWrongIsSaidWithoutTheSecret() async throws {
        let folder = try Folder()
        let good = good
        let secrets = tokens
        func refused(_ arguments: [String], _ sentence: String, _ secrets: Secrets) async throws {
            let end = try await Subprocess.run(RunningDaemon.path, ["--port", "0"] + arguments)
            #expect(end.status == 78, "\(end.standardError)")
            #expect(end.standardError.contains(sentence), "\(end.standardError)")
            secrets.expectNone(in: end.standardOutput + end.standardError, "the refusal of \(arguments)")
        }
        for text in [
            "identities:\n  - name: a\n    tokens:\n      - sha256: \(good.text)\n",
            "identities:\n  - name: a\n    tokens:\n      - sha256: \(good.sha256)0\n",
            "identities:\n  - name: a\n    tokens:\n      - \(good.text)\n",
            "identities:\n  - name: a\n    tokens:\n      - \(good.text): \(good.sha256)\n",
            "identities:\n  - name: a\n    tokens:\n      - \(good.sha256):\n        \(good.sha256): 1\n",
            "identities:\n  - name: a\n    tokens:\n      - {\(good.sha256): 1, \(good.sha256): 2}\n",
            "identities:\n  - name: a\n    tokens: \(good.text)\n",
            "identities:\n  - name: a\n    scopes: [\"\(good.text)\"]\n",
            "identities:\n  - name: a\n    scopes: [\"\(good.text):\(good.text)\"]\n",
            "identities:\n  - name: a\n    \(good.text): []\n",
            "identities:\n  - name: \"\(good.text) \(good.text)\"\n",
            "identities:\n  - name: a\n    tokens:\n      - sha256: \(good.sha256)\n        expires: \(good.text)\n",
            "identities:\n  - name: a\n    tokens:\n      - sha256: *\(good.text)\n",
            "identities:\n  - name: a\n    tokens:\n      - sha256: !\(good.text) x\n",
            "\(good.text): 1\n", "\(good.text)", "{\(good.sha256)", "\(good.sha256): [",
        ] {
            let file = try folder.write(text, "tokens.yaml")
            try await refused(["--token-file", file], file, secrets)
        }
        // Other users can read these files. The message says how to correct that.
        for mode in [0o604, 0o644, 0o602] {
            let file = try folder.write(tokenFile, "open.yaml", mode: mode)
            try await refused(["--token-file", file], "run chmod 0600 \(file)", secrets)
        }
        let keyring = try await keyring()
        let key = try key(in: keyring)
        var keys = Secrets()
        keys.plant("Ceph key", key)
        for mode in [0o604, 0o644, 0o602] {
            let file = try folder.write(keyring, "keyring", mode: mode)
            try await refused(["--ceph-keyring", file], "run chmod 0600 \(file)", keys)
        }
        // Anyone who can list processes would see the key.
        for option in ["--key \(key)", "--key=\(key)"] {
            try await refused(["--ceph-args", option], "ceph-keyring", keys)
            let shown = try await Subprocess.run(RunningDaemon.path, ["--print-config", "--ceph-args", option])
            keys.expectNone(in: shown.standardOutput + shown.standardError, "--print-config")
        }
    }

    /// A keyring that Ceph can't use, or whose key belongs to another user. librados has its own messages for these.
    @Test func aWrongKeyringIsNotShown() async throws {
        let folder = try Folder()
        let keyring = try await keyring()
        let key = try key(in: keyring)
        let other = String(key.dropLast(8).map { $0 == "A" ? "B" : $0 } + key.suffix(8))
        for (text, planted) in [
            (keyring.replacing(key, with: other), other), (keyring.replacing(key, with: key.dropLast(6)), key),
            (keyring.replacing("key = ", with: "key \(key) "), key), (key, key),
        ] {
            var secrets = Secrets()
            secrets.plant("Ceph key", String(planted.dropLast(6)))
            let file = try folder.write(text, "keyring")
            let process = try RunningProcess(
                RunningDaemon.path,
                [
                    "--port", "0", "--log-level", "trace", "--ceph-user", TestCluster.serviceUser, "--ceph-keyring",
                    file,
                ]
            )
            let line = try await process.waitForOutput(containing: "listening on ")
            let server = TestServer(url: String(try #require(line.split(separator: " ").last)))
            var answer = try await server.get("/readyz")
            while answer.text.contains("not yet") || answer.status == 200 {
                try await Task.sleep(for: .milliseconds(50))
                answer = try await server.get("/readyz")
            }
            for path in ["/readyz", "/v1/cluster", "/metrics"] {
                secrets.expectNone(in: try await server.get(path).text, path)
            }
            process.signal(SIGTERM)
            let end = await process.finish()
            secrets.expectNone(in: end.standardError + end.standardOutput, "the log")
        }
    }

    // MARK: rbdctl

    @Test func rbdctlDoesNotShowItsToken() async throws {
        let (folder, secrets, good) = (try Folder(), tokens, good)
        let file = try folder.write(tokenFile, "tokens.yaml")
        let binary = Subprocess.built("rbdctl")
        let known = try folder.write("\(good.text)\n", "token")
        let twice = try folder.write("\(good.text) \(good.text)\n", "twice")
        try await TestServer.withCluster(change: { $0.tokenFile = file }) { server in
            for (address, token, arguments) in [
                (server.url, good.text, ["pool", "list"]), (server.url, wrong.text, ["pool", "list"]),
                (server.url, expired.text, ["pool", "list", "-o", "json"]), (server.url, "", ["pool", "list"]),
                (server.url, "\(good.text) \(good.text)", ["pool", "list"]),
                (server.url, "\(good.text)ä", ["pool", "list"]),
                ("http://127.0.0.1:1", good.text, ["pool", "list"]),
                ("https://127.0.0.1:1", good.text, ["pool", "list"]),
                (server.url.replacing("http:", with: "https:"), good.text, ["pool", "list"]),
                ("http://a:\(good.text)@127.0.0.1:99999", "", ["pool", "list"]),
                ("ftp://a:\(good.text)@127.0.0.1", "", ["pool", "list"]),
                ("http://127.0.0.1/?token=\(good.text)", "", ["pool", "list"]),
                (server.url, "", ["pool", "list", "--token-file", known]),
                (server.url, "", ["pool", "list", "--token-file", twice]),
                (server.url, good.text, ["image", "get", "none/none"]), (server.url, good.text, ["--help"]),
            ] {
                let environment = ["RBDCTL_SERVER": address, "RBDCTL_TOKEN": token]
                let all = ProcessInfo.processInfo.environment.merging(environment) { $1 }
                let end = try await Subprocess.run(binary, arguments, environment: all)
                secrets.expectNone(in: end.standardOutput + end.standardError, "rbdctl \(arguments)")
            }
        }
    }
}
