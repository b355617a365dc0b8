// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

import AsyncHTTPClient
import Foundation
import InMemoryLogging
import Logging
import NIOCore
import NIOHTTP1
import NIOSSL
import RBDService
import TestSupport
import Testing

/// HTTPS on real sockets. The requests need no cluster.
@Suite(.timeLimit(.minutes(3)))
struct TLSTests {
    private func withServer(
        _ certificate: ServerCertificate,
        logger: Logger? = nil,
        _ body: @escaping @Sendable (_ server: TestServer) async throws -> Void
    ) async throws {
        let values = try SettingValues(
            commandLine: certificate.settings.merging(["port": "0", "audit-log": "off"]) { $1 },
            environment: [:],
            file: nil
        )
        let configuration = try ServiceConfiguration(values)
        try await TestServer.run(logger: logger, change: { $0 = configuration }, body)
    }

    private func expectAnswer(_ server: TestServer, _ client: HTTPClient) async throws {
        let answer = try await client.execute(HTTPClientRequest(url: "\(server.url)/livez"), timeout: .seconds(30))
        #expect(answer.status == .ok)
    }

    @Test func httpsIsSpokenInTheVersionsThatAreGood() async throws {
        let certificate = try await ServerCertificate()
        try await withServer(certificate) { server in
            #expect(server.url.hasPrefix("https://127.0.0.1:"))
            for version in [TLSVersion.tlsv12, .tlsv13] {
                try await withTLSClient(trusting: certificate.trust) {
                    $0.minimumTLSVersion = version
                    $0.maximumTLSVersion = version
                } _: { client in
                    try await expectAnswer(server, client)
                }
            }
            try await withTLSClient(trusting: certificate.trust) {
                $0.minimumTLSVersion = .tlsv1
                $0.maximumTLSVersion = .tlsv11
            } _: { client in
                await #expect(throws: (any Error).self) { try await expectAnswer(server, client) }
            }
            // The client supports this version, so only the server can refuse it.
            for (version, words) in [("-tls1_1", "alert protocol version"), ("-tls1_2", "")] {
                let client = try await Subprocess.run(
                    "/usr/bin/openssl",
                    [
                        "s_client", "-connect", server.url.replacing("https://", with: ""), version, "-cipher",
                        "ALL:@SECLEVEL=0",
                    ]
                )
                #expect((client.status != 0) == !words.isEmpty)
                #expect(words.isEmpty || client.standardError.contains(words), "\(client.standardError)")
            }
            // A client that does not trust the certificate does not connect.
            let other = try await ServerCertificate()
            try await withTLSClient(trusting: other.trust) { client in
                await #expect(throws: (any Error).self) { try await expectAnswer(server, client) }
            }
        }
    }

    @Test func plainHTTPIsClosed() async throws {
        let certificate = try await ServerCertificate()
        let log = InMemoryLogHandler()
        try await withServer(certificate, logger: Logger(label: "test") { _ in log }) { server in
            try await withTLSClient(trusting: certificate.trust) { client in
                try await expectAnswer(server, client)
                let start = ContinuousClock.now
                for _ in 0..<20 {
                    let connection = try RawConnection(to: server.url.replacing("https:", with: "http:"))
                    connection.send("GET /livez HTTP/1.1\r\nHost: here\r\n\r\n")
                    let answer = await connection.read()
                    #expect(!answer.contains("HTTP"))
                }
                // The connection is not closed by one of the timeouts, the shortest of which is ten seconds.
                #expect(ContinuousClock.now - start < .seconds(10))
                // Other connections are not affected, neither existing nor new ones.
                try await expectAnswer(server, client)
                try await withTLSClient(trusting: certificate.trust) { try await expectAnswer(server, $0) }
            }
            let warnings = log.warnings
            #expect(warnings.isEmpty)
        }
    }

    @Test func whatCanNotBeUsedIsSaidAtTheStart() async throws {
        let (certificate, other) = (try await ServerCertificate(), try await ServerCertificate())
        func sentence(_ certificate: String?, _ key: String?) async throws -> String {
            let arguments =
                ["--port", "0"] + (certificate.map { ["--tls-certificate", $0] } ?? [])
                + (key.map { ["--tls-key", $0] } ?? [])
            let refused = try await Subprocess.run(RunningDaemon.path, arguments)
            #expect(refused.status == 78)
            return refused.standardError
        }
        #expect(try await sentence(certificate.certificate, other.key).contains("is not the key of the certificate"))
        #expect(try await sentence(certificate.key, certificate.key).contains("holds no certificate"))
        try FileManager.default.setAttributes([.posixPermissions: 0o600], ofItemAtPath: certificate.certificate)
        #expect(try await sentence(certificate.certificate, certificate.certificate).contains("holds no key"))
        #expect(try await sentence("/nowhere", certificate.key).contains("/nowhere"))
        #expect(try await sentence(certificate.certificate, nil).contains("the certificate has no key"))
        #expect(try await sentence(nil, certificate.key).contains("the key has no certificate"))
        try FileManager.default.setAttributes([.posixPermissions: 0o644], ofItemAtPath: certificate.key)
        #expect(try await sentence(certificate.certificate, certificate.key).contains("chmod 0600"))
    }

    @Test func rbdctlTrustsWhatItIsTold() async throws {
        let certificate = try await ServerCertificate()
        try await withServer(certificate) { server in
            let distrusted = try await rbdctl(server, "pool", "list")
            #expect(distrusted.status == 1)
            #expect(distrusted.standardError.contains("--ca-file"))
            // It does not matter whether there is a cluster.
            let trusted = try await rbdctl(server, "pool", "list", "--ca-file", certificate.trust)
            #expect([0, 6].contains(trusted.status), "\(trusted.standardError)")
            #expect(try await rbdctl(server, "pool", "list", "--ca-file", "/nowhere").status == 64)
        }
    }
}
