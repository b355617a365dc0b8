// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

import AsyncHTTPClient
import Foundation
import InMemoryLogging
import Logging
import NIOSSL
import RBDAPI
import RBDService
import TestSupport
import Testing

/// Clients that authenticate by certificates. The requests need no cluster.
@Suite(.timeLimit(.minutes(3)))
struct MutualTLSTests {
    /// A server, the authority of its clients' certificates, and the file of identities.
    private struct Setting: Sendable {
        let server: ServerCertificate
        let authority: Authority
        let files: TemporaryFolder

        init(_ identities: String) async throws {
            server = try await ServerCertificate()
            authority = try await Authority()
            files = try TemporaryFolder()
            try files.replace("authorities.pem", String(contentsOfFile: authority.certificate, encoding: .utf8))
            try files.replace("identities.yaml", identities)
        }

        var settings: [String: String] {
            server.settings.merging([
                "port": "0", "audit-log": "off", "tls-client-ca": files.path("authorities.pem"),
                "token-file": files.path("identities.yaml"),
            ]) { $1 }
        }

        func run(
            logger: Logger? = nil,
            _ body: @escaping @Sendable (_ url: String) async throws -> Void
        ) async throws {
            let values = try SettingValues(commandLine: settings, environment: [:], file: nil)
            let configuration = try ServiceConfiguration(values)
            try await TestServer.run(logger: logger, change: { $0 = configuration }) { server in
                try await body(server.url + "/metrics")
            }
        }

        func get(
            _ url: String,
            showing issued: Authority.Issued?,
            token: AccessToken? = nil
        ) async throws -> (status: UInt, text: String) {
            try await withTLSClient(trusting: server.trust, showing: issued) {
                try await $0.get(url, token: token?.text)
            }
        }
    }

    /// Whether a log line names the identity. The line is written after the answer.
    private func isLogged(_ identity: String, _ log: InMemoryLogHandler) async throws -> Bool {
        let end = ContinuousClock.now + .seconds(5)
        while .now < end {
            if log.entries.contains(where: { $0.metadata["identity"] == .string(identity) }) { return true }
            try await Task.sleep(for: .milliseconds(10))
        }
        return false
    }

    private func problem(_ text: String) throws -> Problem {
        try JSONDecoder().decode(Problem.self, from: Data(text.utf8))
    }

    @Test func aCertificateSaysWhoAsks() async throws {
        let (token, other) = (AccessToken(), AccessToken())
        let setting = try await Setting(
            """
            identities:
              - name: by-subject
                scopes: ["read:*"]
                certificates:
                  - subject: "CN=backup,OU=a\\\\, b,O=Example"
              - name: by-host
                scopes: ["read:*"]
                certificates: [{dns: Backup.example.com}, {dns: other.example.com}]
              - name: by-uri
                scopes: ["read:*"]
                certificates: [{uri: spiffe://example.com/ns/backup}]
              - name: by-email
                scopes: ["read:*"]
                certificates: [{email: backup@example.com}]
            \(TokenEntry(identity: "by-token", scopes: ["read:*"], token: token, lifetime: nil).lines)
            """
        )
        let authority = setting.authority
        let known = [
            ("by-subject", try await authority.issue(subject: "/O=Example/OU=a, b/CN=backup")),
            ("by-host", try await authority.issue(subject: "/CN=x", "subjectAltName=DNS:backup.EXAMPLE.com")),
            ("by-host", try await authority.issue(subject: "/", "subjectAltName=DNS:a.b,DNS:other.example.com")),
            ("by-uri", try await authority.issue(subject: "/", "subjectAltName=URI:spiffe://example.com/ns/backup")),
            ("by-email", try await authority.issue(subject: "/CN=y", "subjectAltName=email:backup@example.com")),
        ]
        let unknown = [
            try await authority.issue(subject: "/CN=backup/OU=a, b/O=Example"),
            try await authority.issue(subject: "/O=Example/OU=a, b/CN=Backup"),
            try await authority.issue(subject: "/CN=backup.example.com"),
            try await authority.issue(subject: "/CN=x", "subjectAltName=DNS:*.example.com"),
            try await authority.issue(subject: "/CN=x", "subjectAltName=URI:spiffe://example.com/ns/backup2"),
        ]
        let ambiguous = try await authority.issue(
            subject: "/CN=x",
            "subjectAltName=DNS:backup.example.com,email:backup@example.com"
        )
        // Wait until the certificate has expired.
        try await Task.sleep(for: .seconds(2))
        let log = InMemoryLogHandler()
        var logger = Logger(label: "test") { _ in log }
        logger.logLevel = .debug
        try await setting.run(logger: logger) { url in
            for (name, issued) in known {
                log.clear()
                #expect(try await setting.get(url, showing: issued).status == 200, "\(name)")
                #expect(try await isLogged(name, log), "\(log.entries)")
            }
            for issued in unknown {
                let answer = try await setting.get(url, showing: issued)
                #expect(answer.status == 401)
                let problem = try problem(answer.text)
                #expect(problem.code == "unauthenticated")
                #expect(problem.detail.contains("belongs to no known identity; its names are: subject \""))
                // The client may still send a valid token.
                #expect(try await setting.get(url, showing: issued, token: token).status == 200)
            }
            let answer = try await setting.get(url, showing: ambiguous)
            #expect(answer.status == 401)
            #expect(try problem(answer.text).detail.contains("more than one identity"))

            // Without a certificate, a token is required.
            #expect(try await setting.get(url, showing: nil).status == 401)
            #expect(try await setting.get(url, showing: nil, token: token).status == 200)
            // If a client sends a token and a certificate, the token decides, whether it is valid or not.
            log.clear()
            #expect(try await setting.get(url, showing: known[0].1, token: token).status == 200)
            #expect(try await isLogged("by-token", log), "\(log.entries)")
            #expect(try await setting.get(url, showing: known[0].1, token: other).status == 401)
        }
    }

    @Test func whomNobodyVouchesForIsNotSpokenTo() async throws {
        let setting = try await Setting(
            "identities: [{name: a, scopes: [\"read:*\"], certificates: [{dns: a.example}]}]\n"
        )
        let name = "subjectAltName=DNS:a.example"
        let strangers = try await Authority()
        let good = try await setting.authority.issue(subject: "/CN=a", name)
        let refused = [
            try await strangers.issue(subject: "/CN=a", name),
            try await setting.authority.issue(subject: "/CN=a", name, days: 0),
            // The certificate of a server, which is not valid for a client.
            try await setting.authority.issue(subject: "/CN=a", name, "extendedKeyUsage=serverAuth"),
        ]
        let log = InMemoryLogHandler()
        try await setting.run(logger: Logger(label: "test") { _ in log }) { url in
            try await withTLSClient(trusting: setting.server.trust, showing: good) { client in
                let before = try await client.get(url).status
                #expect(before == 200)
                for issued in refused {
                    await #expect(throws: (any Error).self) { try await setting.get(url, showing: issued) }
                }
                let after = try await client.get(url).status
                #expect(after == 200)
            }
            let warnings = log.warnings
            #expect(warnings.isEmpty)
        }
    }

    @Test func whoIsTakenOutOfTheFileIsRefusedOnTheSameConnection() async throws {
        let setting = try await Setting(
            "identities: [{name: a, scopes: [\"read:*\"], certificates: [{dns: a.example}]}]\n"
        )
        let issued = try await setting.authority.issue(subject: "/CN=a", "subjectAltName=DNS:a.example")
        try await setting.run { url in
            try await withTLSClient(trusting: setting.server.trust, showing: issued) { client in
                #expect(try await client.get(url).status == 200)
                try setting.files.replace("identities.yaml", "identities: [{name: a}]\n")
                let end = ContinuousClock.now + .seconds(3)
                var status: UInt = 200
                while status == 200, .now < end { status = try await client.get(url).status }
                #expect(status == 401)
            }
        }
    }

    @Test func theAuthoritiesAreReadAgain() async throws {
        let setting = try await Setting(
            "identities: [{name: a, scopes: [\"read:*\"], certificates: [{dns: a.example}]}]\n"
        )
        let next = try await Authority()
        let name = "subjectAltName=DNS:a.example"
        let (old, new) = (
            try await setting.authority.issue(subject: "/CN=a", name), try await next.issue(subject: "/CN=a", name)
        )
        try await setting.run { url in
            try await withTLSClient(trusting: setting.server.trust, showing: old) { kept in
                #expect(try await kept.get(url).status == 200)
                await #expect(throws: (any Error).self) { try await setting.get(url, showing: new) }
                let text = try String(contentsOfFile: next.certificate, encoding: .utf8)
                try setting.files.replace("authorities.pem", text)
                let end = ContinuousClock.now + .seconds(5)
                var (isKnown, attempts) = (false, 0)
                // On a machine that is too busy for a few handshakes in five seconds, the attempts count.
                while !isKnown, .now < end || attempts < 5 {
                    attempts += 1
                    isKnown = (try? await setting.get(url, showing: new).status) == 200
                    // The connection from before continues to work.
                    #expect(try await kept.get(url).status == 200)
                }
                #expect(isKnown)
                await #expect(throws: (any Error).self) { try await setting.get(url, showing: old) }
            }
        }
    }

    /// A resumed TLS session has no certificate on the wire, but still identifies the caller.
    @Test(arguments: ["-tls1_2", "-tls1_3"])
    func aSessionThatIsTakenUpAgainSaysWhoAsks(version: String) async throws {
        let setting = try await Setting(
            "identities: [{name: a, scopes: [\"read:*\"], certificates: [{dns: a.example}]}]\n"
        )
        let issued = try await setting.authority.issue(subject: "/CN=a", "subjectAltName=DNS:a.example")
        let session = setting.files.path("session")
        try await setting.run { url in
            let place = url.replacing("https://", with: "").replacing("/metrics", with: "")
            for (option, isResumed) in [("-sess_out", false), ("-sess_in", true)] {
                let client = try RunningProcess(
                    "/bin/sh",
                    [
                        "-c",
                        """
                        (printf 'GET /metrics HTTP/1.1\\r\\nHost: here\\r\\nConnection: close\\r\\n\\r\\n'; sleep 1) | \
                        openssl s_client -connect \(place) \(version) -cert \(issued.certificate) -key \(issued.key) \
                        -ign_eof \(option) \(session)
                        """,
                    ]
                )
                let end = await client.finish()
                #expect(end.standardOutput.contains("HTTP/1.1 200"), "\(end.standardOutput)\(end.standardError)")
                #expect(end.standardOutput.contains("\nReused, ") == isResumed, "\(end.standardOutput)")
            }
        }
    }

    @Test func whatIsMissingForItIsSaidAtTheStart() async throws {
        let setting = try await Setting("identities:\n")
        func sentence(_ change: (inout [String: String]) -> Void) -> String {
            var settings = setting.settings
            change(&settings)
            do {
                let values = try SettingValues(commandLine: settings, environment: [:], file: nil)
                _ = try RBDService(
                    configuration: ServiceConfiguration(values),
                    logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }
                )
                return ""
            } catch { return "\(error)" }
        }
        #expect(sentence { _ in } == "")
        let plain = sentence { settings in
            settings["tls-certificate"] = nil
            settings["tls-key"] = nil
        }
        #expect(plain.contains("set tls-certificate and tls-key"))
        #expect(sentence { $0["token-file"] = nil }.contains("set token-file"))
        #expect(sentence { $0["tls-client-ca"] = "/nowhere" }.contains("/nowhere"))
        #expect(sentence { $0["tls-client-ca"] = $0["tls-key"] }.contains("holds no certificate"))
        let authorities = setting.files.path("authorities.pem")
        try FileManager.default.setAttributes([.posixPermissions: 0o666], ofItemAtPath: authorities)
        #expect(sentence { _ in }.contains("chmod go-w \(authorities)"))
    }
}
