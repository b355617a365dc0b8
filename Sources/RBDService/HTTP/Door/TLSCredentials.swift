// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

import Logging
import NIOSSL
import Synchronization

/// The service's certificate and its key. Files that change are read again, for the connections that begin then; those that
/// there are keep what they began with.
final class TLSCredentials: Sendable {
    struct Files: Hashable, Sendable {
        /// The certificate, and those between it and the one that is trusted, in PEM.
        var certificate: String
        var key: String

        fileprivate var stamps: [FileStamp?] { [FileStamp(path: certificate), FileStamp(path: key)] }
    }

    private struct State {
        var context: NIOSSLContext
        var stamps: [FileStamp?]
        var nextLook: ContinuousClock.Instant
    }

    private static let interval = Duration.seconds(1)

    private let files: Files
    private let logger: Logger
    private let state: Mutex<State>

    /// - Throws: `ConfigurationError` where the files can't be used.
    init(_ files: Files, logger: Logger) throws(ConfigurationError) {
        self.files = files
        self.logger = logger
        let stamps = files.stamps
        state = Mutex(State(context: try Self.load(files), stamps: stamps, nextLook: .now + Self.interval))
    }

    /// What a connection that begins now is to have.
    func context(now: ContinuousClock.Instant = .now) -> NIOSSLContext {
        state.withLock { state in
            guard state.nextLook <= now else { return state.context }
            state.nextLook = now + Self.interval
            let stamps = files.stamps
            guard stamps != state.stamps else { return state.context }
            do throws(ConfigurationError) {
                state.context = try Self.load(files)
                // Else they are looked at again: of two files one is replaced first.
                state.stamps = stamps
                logger.notice("the certificate was read again")
            } catch {
                logger.error("the certificate can't be used as it is now", metadata: [LogKeys.error: "\(error)"])
            }
            return state.context
        }
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
        let chain: [NIOSSLCertificate]
        do {
            chain = try NIOSSLCertificate.fromPEMFile(files.certificate)
        } catch {
            throw ConfigurationError("\"\(files.certificate)\" holds no certificate in PEM that can be read")
        }
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
        // RFC 8996: what is older is broken.
        configuration.minimumTLSVersion = .tlsv12
        configuration.applicationProtocols = ["http/1.1"]
        do {
            return try NIOSSLContext(configuration: configuration)
        } catch {
            throw ConfigurationError("\"\(files.key)\" is not the key of the certificate \"\(files.certificate)\"")
        }
    }
}
