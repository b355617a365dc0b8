// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

import AsyncHTTPClient
import Foundation
import NIOCore
import NIOHTTP1
import NIOSSL
import RBDService
import Synchronization
import TestSupport
import Testing

/// HTTPS on real sockets. What is asked needs no cluster.
@Suite(.timeLimit(.minutes(3)))
struct TLSTests {
    /// A certificate with its key, which can be replaced by others, in a folder that is gone when this goes.
    private final class Certificate: Sendable {
        private let directory = FileManager.default.temporaryDirectory.appendingPathComponent("\(UUID())")

        var certificate: String { path("tls.crt") }
        var key: String { path("tls.key") }
        /// All of them, the present one and the others.
        var trust: String { path("ca.pem") }

        /// - Parameter count: how many there are, one after another.
        init(count: Int = 1) async throws {
            try FileManager.default.createDirectory(at: directory, withIntermediateDirectories: false)
            var all = Data()
            for number in 0..<count {
                let made = try await Subprocess.run(
                    "/usr/bin/openssl",
                    [
                        "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "1",
                        "-subj", "/CN=\(UUID())", "-addext", "subjectAltName=IP:127.0.0.1", "-keyout",
                        path("\(number).key"), "-out", path("\(number).crt"),
                    ]
                )
                try #require(made.status == 0, "\(made.standardError)")
                try FileManager.default.setAttributes([.posixPermissions: 0o600], ofItemAtPath: path("\(number).key"))
                all += try Data(contentsOf: URL(fileURLWithPath: path("\(number).crt")))
            }
            try all.write(to: URL(fileURLWithPath: trust))
            put(0)
        }

        deinit {
            try? FileManager.default.removeItem(at: directory)
        }

        private func path(_ name: String) -> String { directory.appendingPathComponent(name).path }

        /// Puts one of them in the place of the one that is there.
        func put(_ number: Int) {
            for (file, kind) in [(certificate, "crt"), (key, "key")] {
                #expect(rename(path("\(number).\(kind)"), file) == 0)
            }
        }

        var settings: [String: String] { ["tls-certificate": certificate, "tls-key": key] }
    }

    private func withServer(
        _ certificate: Certificate,
        _ body: @escaping @Sendable (_ server: TestServer) async throws -> Void
    ) async throws {
        let values = try SettingValues(
            commandLine: certificate.settings.merging(["port": "0"]) { $1 },
            environment: [:],
            file: nil
        )
        let configuration = try ServiceConfiguration(values)
        try await TestServer.run(change: { $0 = configuration }, body)
    }

    private func withClient(
        trusting file: String,
        change: (inout TLSConfiguration) -> Void = { _ in },
        _ body: (HTTPClient) async throws -> Void
    ) async throws {
        var configuration = HTTPClient.Configuration()
        var tls = TLSConfiguration.makeClientConfiguration()
        tls.trustRoots = .file(file)
        change(&tls)
        configuration.tlsConfiguration = tls
        configuration.connectionPool.retryConnectionEstablishment = false
        let client = HTTPClient(eventLoopGroupProvider: .singleton, configuration: configuration)
        do { try await body(client) } catch {
            try await client.shutdown()
            throw error
        }
        try await client.shutdown()
    }

    private func expectAnswer(_ server: TestServer, _ client: HTTPClient) async throws {
        let answer = try await client.execute(HTTPClientRequest(url: "\(server.url)/livez"), timeout: .seconds(30))
        #expect(answer.status == .ok)
    }

    @Test func httpsIsSpokenInTheVersionsThatAreGood() async throws {
        let certificate = try await Certificate()
        try await withServer(certificate) { server in
            #expect(server.url.hasPrefix("https://127.0.0.1:"))
            for version in [TLSVersion.tlsv12, .tlsv13] {
                try await withClient(trusting: certificate.trust) {
                    $0.minimumTLSVersion = version
                    $0.maximumTLSVersion = version
                } _: { client in
                    try await expectAnswer(server, client)
                }
            }
            try await withClient(trusting: certificate.trust) {
                $0.minimumTLSVersion = .tlsv1
                $0.maximumTLSVersion = .tlsv11
            } _: { client in
                await #expect(throws: (any Error).self) { try await expectAnswer(server, client) }
            }
            // Who does not trust it does not speak to it.
            let other = try await Certificate()
            try await withClient(trusting: other.trust) { client in
                await #expect(throws: (any Error).self) { try await expectAnswer(server, client) }
            }
        }
    }

    @Test func plainHTTPIsClosed() async throws {
        let certificate = try await Certificate()
        try await withServer(certificate) { server in
            let connection = try RawConnection(to: server.url.replacing("https:", with: "http:"))
            connection.send("GET /livez HTTP/1.1\r\nHost: here\r\n\r\n")
            let answer = await connection.read()
            #expect(!answer.contains("200"))
            try await withClient(trusting: certificate.trust) { client in
                try await expectAnswer(server, client)
            }
        }
    }

    /// New connections and old ones, while the certificate is replaced again and again.
    @Test func noRequestFailsWhileTheCertificateIsReplaced() async throws {
        let certificate = try await Certificate(count: 7)
        try await withServer(certificate) { server in
            let isOver = Flag()
            try await withThrowingTaskGroup(of: Int.self) { group in
                group.addTask {
                    defer { isOver.raise() }
                    for number in 1..<7 {
                        certificate.put(number)
                        try await Task.sleep(for: .seconds(1))
                    }
                    return 0
                }
                for isKept in [true, false] {
                    group.addTask {
                        var count = 0
                        while !isOver.isRaised {
                            try await withClient(trusting: certificate.trust) { client in
                                for _ in 0..<(isKept ? 200 : 1) {
                                    try await expectAnswer(server, client)
                                    count += 1
                                }
                            }
                        }
                        return count
                    }
                }
                for try await count in group where count > 0 { #expect(count > 20) }
            }
        }
    }

    @Test func whatCanNotBeUsedIsSaidAtTheStart() async throws {
        let (certificate, other) = (try await Certificate(), try await Certificate())
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
        let certificate = try await Certificate()
        try await withServer(certificate) { server in
            let distrusted = try await rbdctl(server, "pool", "list")
            #expect(distrusted.status == 1)
            #expect(distrusted.standardError.contains("--ca-file"))
            // Whether there is a cluster behind it is another matter.
            let trusted = try await rbdctl(server, "pool", "list", "--ca-file", certificate.trust)
            #expect([0, 6].contains(trusted.status), "\(trusted.standardError)")
            #expect(try await rbdctl(server, "pool", "list", "--ca-file", "/nowhere").status == 64)
        }
    }

    private final class Flag: Sendable {
        private let value = Atomic(false)

        var isRaised: Bool { value.load(ordering: .acquiring) }

        func raise() { value.store(true, ordering: .releasing) }
    }
}
