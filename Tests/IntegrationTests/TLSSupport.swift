// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

import AsyncHTTPClient
import Foundation
import InMemoryLogging
import Logging
import NIOCore
import NIOHTTP1
import NIOSSL
import TestSupport
import Testing

/// A folder that is removed with its object.
final class TemporaryFolder: Sendable {
    private let directory = FileManager.default.temporaryDirectory.appendingPathComponent("\(UUID())")

    init() throws {
        try FileManager.default.createDirectory(at: directory, withIntermediateDirectories: false)
    }

    deinit {
        try? FileManager.default.removeItem(at: directory)
    }

    func path(_ name: String) -> String { directory.appendingPathComponent(name).path }

    func text(_ name: String) throws -> String { try String(contentsOfFile: path(name), encoding: .utf8) }

    /// Writes a file, and replaces the existing one, if any.
    func replace(_ name: String, _ text: String, mode: Int = 0o600) throws {
        let other = path("\(name).new")
        try Data(text.utf8).write(to: URL(fileURLWithPath: other))
        try FileManager.default.setAttributes([.posixPermissions: mode], ofItemAtPath: other)
        #expect(rename(other, path(name)) == 0)
    }

    func openssl(_ arguments: String...) async throws {
        let made = try await Subprocess.run("/usr/bin/openssl", arguments)
        try #require(made.status == 0, "\(made.standardError)")
    }

    /// Makes NAME.key and a self-signed certificate NAME.crt.
    func selfSigned(_ name: String, subject: String, alternative: String? = nil) async throws {
        try await openssl(
            "req",
            "-x509",
            "-newkey",
            "ec",
            "-pkeyopt",
            "ec_paramgen_curve:P-256",
            "-nodes",
            "-days",
            "1",
            "-subj",
            subject,
            "-addext",
            alternative.map { "subjectAltName=\($0)" } ?? "keyUsage=keyCertSign",
            "-keyout",
            path("\(name).key"),
            "-out",
            path("\(name).crt")
        )
        try FileManager.default.setAttributes([.posixPermissions: 0o600], ofItemAtPath: path("\(name).key"))
    }
}

/// A server's certificate and key, which can be replaced by others.
struct ServerCertificate: Sendable {
    private let folder: TemporaryFolder

    var certificate: String { folder.path("tls.crt") }
    var key: String { folder.path("tls.key") }
    /// The path of a file with all certificates, including the current one.
    var trust: String { folder.path("ca.pem") }
    var settings: [String: String] { ["tls-certificate": certificate, "tls-key": key] }

    /// - Parameter count: the number of certificates, which are used one after another.
    init(count: Int = 1) async throws {
        folder = try TemporaryFolder()
        var all = ""
        for number in 0..<count {
            try await folder.selfSigned("\(number)", subject: "/CN=\(UUID())", alternative: "IP:127.0.0.1")
            all += try text(number)
        }
        try folder.replace("ca.pem", all)
        put(0)
    }

    private func text(_ number: Int) throws -> String { try folder.text("\(number).crt") }

    /// Replaces the current certificate by one of the others.
    func put(_ number: Int) {
        for (file, kind) in [(certificate, "crt"), (key, "key")] {
            #expect(rename(folder.path("\(number).\(kind)"), file) == 0)
        }
    }
}

/// A certificate authority for clients.
struct Authority: Sendable {
    private let folder: TemporaryFolder

    /// The authority's own certificate.
    var certificate: String { folder.path("ca.crt") }

    init() async throws {
        folder = try TemporaryFolder()
        try await folder.selfSigned("ca", subject: "/CN=\(UUID())")
    }

    /// A client's certificate and key.
    struct Issued: Sendable {
        var certificate: String
        var key: String
    }

    /// - Parameters:
    ///   - extensions: such as `subjectAltName=DNS:a`.
    ///   - days: how long the certificate is valid; 0 for the second in which it is made. OpenSSL 3.6 can't make
    ///     certificates that were never valid.
    func issue(subject: String, _ extensions: String..., days: Int = 1) async throws -> Issued {
        let name = "\(UUID())"
        try await folder.openssl(
            "req",
            "-new",
            "-newkey",
            "ec",
            "-pkeyopt",
            "ec_paramgen_curve:P-256",
            "-nodes",
            "-subj",
            subject,
            "-keyout",
            folder.path("\(name).key"),
            "-out",
            folder.path("\(name).csr")
        )
        try folder.replace("\(name).ext", (extensions + ["basicConstraints=CA:FALSE"]).joined(separator: "\n"))
        try await folder.openssl(
            "x509",
            "-req",
            "-in",
            folder.path("\(name).csr"),
            "-CA",
            certificate,
            "-CAkey",
            folder.path("ca.key"),
            "-days",
            "\(days)",
            "-extfile",
            folder.path("\(name).ext"),
            "-out",
            folder.path("\(name).crt")
        )
        return Issued(certificate: folder.path("\(name).crt"), key: folder.path("\(name).key"))
    }
}

/// A client that trusts the certificates of a file, and sends a certificate of its own, if it has one.
@discardableResult
func withTLSClient<Value>(
    trusting file: String,
    showing issued: Authority.Issued? = nil,
    change: (inout TLSConfiguration) -> Void = { _ in },
    _ body: (HTTPClient) async throws -> Value
) async throws -> Value {
    var configuration = HTTPClient.Configuration()
    var tls = TLSConfiguration.makeClientConfiguration()
    tls.trustRoots = .file(file)
    if let issued {
        tls.certificateChain = try NIOSSLCertificate.fromPEMFile(issued.certificate).map { .certificate($0) }
        tls.privateKey = .privateKey(try NIOSSLPrivateKey(file: issued.key, format: .pem))
    }
    change(&tls)
    configuration.tlsConfiguration = tls
    configuration.connectionPool.retryConnectionEstablishment = false
    let client = HTTPClient(eventLoopGroupProvider: .singleton, configuration: configuration)
    let value: Value
    do { value = try await body(client) } catch {
        try await client.shutdown()
        throw error
    }
    try await client.shutdown()
    return value
}

extension HTTPClient {
    /// - Returns: the answer's status and body.
    func get(_ url: String, token: String? = nil) async throws -> (status: UInt, text: String) {
        var request = HTTPClientRequest(url: url)
        if let token { request.headers.add(name: "Authorization", value: "Bearer \(token)") }
        let answer = try await execute(request, timeout: .seconds(30))
        return (answer.status.code, String(buffer: try await answer.body.collect(upTo: 4 << 20)))
    }
}

extension InMemoryLogHandler {
    /// The warnings in the log, except the one about a cluster that is newer than librados, because the tests also run
    /// with such clusters.
    var warnings: [Entry] {
        entries.filter { $0.level >= .warning && !"\($0.message)".hasPrefix("librados is older than the cluster") }
    }
}
