// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

import Logging
import NIOSSL

/// The service's certificate and key, and the authorities of client certificates. Changed files are read again for new
/// connections. Existing connections keep what they began with.
final class TLSCredentials: Sendable {
    struct Files: Hashable, Sendable {
        /// The certificate and its intermediate certificates, in PEM.
        var certificate: String
        var key: String
        /// The certificates of the authorities for client certificates, in PEM; nil if clients are not asked for a
        /// certificate.
        var clientAuthorities: String?
        /// Whether a client without a certificate is turned away. Otherwise it may use a token.
        var requiresClient = false
    }

    /// Whether clients are asked for certificates.
    let asksClients: Bool
    private let files: WatchedFiles<NIOSSLContext>

    /// - Throws: `ConfigurationError` if the files can't be used.
    init(_ files: Files, logger: Logger) throws(ConfigurationError) {
        asksClients = files.clientAuthorities != nil
        // Two files are replaced one after the other. Until they match, the previous pair stays in use.
        self.files = try WatchedFiles(
            [files.certificate, files.key] + (files.clientAuthorities.map { [$0] } ?? []),
            as: "the certificate",
            logger: logger
        ) { () throws(ConfigurationError) in try Self.load(files) }
    }

    /// The TLS context for a new connection.
    func context() -> NIOSSLContext {
        files.current()
    }

    private static func load(_ files: Files) throws(ConfigurationError) -> NIOSSLContext {
        guard let stamp = FileStamp(path: files.key) else {
            throw ConfigurationError("the key \"\(files.key)\" can't be read")
        }
        guard !stamp.isOpenToOthers else {
            throw ConfigurationError(
                "the key \"\(files.key)\" can be read or written by others; run chmod 0600 \(files.key)"
            )
        }
        let chain = try certificates(files.certificate)
        let key: NIOSSLPrivateKey
        do {
            key = try NIOSSLPrivateKey(file: files.key, format: .pem)
        } catch {
            throw ConfigurationError("\"\(files.key)\" holds no key in PEM that can be read without a passphrase")
        }
        var configuration = TLSConfiguration.makeServerConfiguration(
            certificateChain: chain.map { .certificate($0) },
            privateKey: .privateKey(key)
        )
        // RFC 8996 deprecates older versions.
        configuration.minimumTLSVersion = .tlsv12
        configuration.applicationProtocols = ["http/1.1"]
        if let authorities = files.clientAuthorities {
            // Anyone who can write the file can issue client certificates.
            guard FileStamp(path: authorities)?.isWritableByOthers != true else {
                throw ConfigurationError(
                    "\"\(authorities)\" can be written by others; run chmod go-w \(authorities)"
                )
            }
            configuration.trustRoots = .certificates(try certificates(authorities))
            configuration.certificateVerification =
                files.requiresClient ? .noHostnameVerification : .optionalVerification
            // So that a client with several certificates sends the right one.
            configuration.sendCANameList = true
        }
        do {
            return try NIOSSLContext(configuration: configuration)
        } catch {
            throw ConfigurationError("\"\(files.key)\" is not the key of the certificate \"\(files.certificate)\"")
        }
    }

    private static func certificates(_ path: String) throws(ConfigurationError) -> [NIOSSLCertificate] {
        guard let certificates = try? NIOSSLCertificate.fromPEMFile(path), !certificates.isEmpty else {
            throw ConfigurationError("\"\(path)\" holds no certificate in PEM that can be read")
        }
        return certificates
    }
}
