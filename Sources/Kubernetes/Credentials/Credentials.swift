// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

public import Logging
import NIOSSL
import Synchronization

/// The address of an API server, and the credentials for it.
///
/// Tokens and certificates from files are read again when they change: kubelet replaces the token of a pod before it
/// expires. If the new content is invalid, that is logged, and the previous content stays in use.
public final class Credentials: Sendable {
    /// What a request needs.
    struct Current: Sendable {
        var token: String?
        var tls: TLSConfiguration?
    }

    private struct State {
        var current: Current
        var contents: [[UInt8]?]
        var nextLook: ContinuousClock.Instant
    }

    /// How long files are used without a look at them. A pod's token is replaced ten minutes before it expires.
    private static let interval = Duration.seconds(10)

    let settings: CredentialSettings
    private let logger: Logger
    private let state: Mutex<State>

    init(_ settings: CredentialSettings, logger: Logger) throws(CredentialsError) {
        self.settings = settings
        self.logger = logger
        let contents = settings.sources.map { $0.content() }
        let current = try Self.read(settings)
        state = Mutex(State(current: current, contents: contents, nextLook: .now + Self.interval))
    }

    /// The credentials of a pod's service account.
    /// - Parameter environment: the environment of the process.
    /// - Throws: ``CredentialsError`` if this is not a pod, or its files can't be used.
    public static func inCluster(
        environment: [String: String],
        logger: Logger
    ) throws(CredentialsError) -> Credentials {
        try Credentials(.inCluster(environment: environment), logger: logger)
    }

    /// The credentials of a kubeconfig.
    /// - Parameter context: nil for the file's current context.
    /// - Throws: ``CredentialsError`` if the file can't be used, or asks for something that is not supported.
    public static func kubeconfig(
        path: String,
        context: String? = nil,
        logger: Logger
    ) throws(CredentialsError) -> Credentials {
        try Credentials(.kubeconfig(path: path, context: context), logger: logger)
    }

    /// The credentials of a pod if this is one, otherwise those of the kubeconfig that kubectl would use.
    /// - Parameter environment: the environment of the process.
    /// - Throws: ``CredentialsError`` if neither can be used.
    public static func automatic(
        environment: [String: String],
        logger: Logger
    ) throws(CredentialsError) -> Credentials {
        let isPod = environment["KUBERNETES_SERVICE_HOST"].map { !$0.isEmpty } ?? false
        if !isPod || environment["KUBECONFIG"].map({ !$0.isEmpty }) ?? false,
            let path = try CredentialSettings.kubeconfigPath(environment: environment)
        {
            return try kubeconfig(path: path, logger: logger)
        }
        return try inCluster(environment: environment, logger: logger)
    }

    /// The namespace of the pod, or of the kubeconfig's context.
    public var namespace: String { settings.namespace }

    /// The credentials now. Every ten seconds, the call reads the files.
    func current(now: ContinuousClock.Instant = .now) -> Current {
        let isDue = state.withLock { state in
            guard state.nextLook <= now else { return false }
            state.nextLook = now + Self.interval
            return true
        }
        if isDue { refresh() }
        return state.withLock { $0.current }
    }

    /// Makes the next request read the files: the API server has refused the token.
    func expire() {
        state.withLock { $0.nextLook = .now }
    }

    private func refresh() {
        let contents = settings.sources.map { $0.content() }
        guard state.withLock({ $0.contents != contents }) else { return }
        do {
            let current = try Self.read(settings)
            state.withLock { state in
                state.current = current
                state.contents = contents
            }
            logger.notice("the credentials for the Kubernetes API were read again")
        } catch {
            // The contents are not stored, so that the files are read again, until they are valid.
            logger.error(
                "the new credentials for the Kubernetes API can't be used; the previous ones stay in use",
                metadata: ["error": "\(error)"]
            )
        }
    }

    private static func read(_ settings: CredentialSettings) throws(CredentialsError) -> Current {
        var current = Current()
        if let source = settings.token { current.token = try token(source) }
        guard settings.server.isEncrypted else { return current }
        var tls = TLSConfiguration.makeClientConfiguration()
        if let source = settings.authorities { tls.trustRoots = .certificates(try certificates(source)) }
        if let source = settings.certificate, let keySource = settings.key {
            tls.certificateChain = try certificates(source).map { .certificate($0) }
            guard let bytes = keySource.content(), let key = try? NIOSSLPrivateKey(bytes: bytes, format: .pem) else {
                throw CredentialsError("\(keySource.name) has no key in PEM that can be read without a passphrase")
            }
            tls.privateKey = .privateKey(key)
            do { _ = try NIOSSLContext(configuration: tls) } catch {
                throw CredentialsError("\(keySource.name) is not the key of the certificate in \(source.name)")
            }
        }
        current.tls = tls
        return current
    }

    private static func token(_ source: CredentialSource) throws(CredentialsError) -> String {
        guard let bytes = source.content() else { throw CredentialsError("\(source.name) can't be read") }
        let words = bytes.split { $0 <= 0x20 }
        guard words.count == 1, let word = words.first, word.allSatisfy({ (0x21...0x7E).contains($0) }) else {
            throw CredentialsError("\(source.name) has no token: it must be one word of ASCII characters")
        }
        return String(decoding: word, as: UTF8.self)
    }

    private static func certificates(_ source: CredentialSource) throws(CredentialsError) -> [NIOSSLCertificate] {
        guard let bytes = source.content(), let certificates = try? NIOSSLCertificate.fromPEMBytes(bytes),
            !certificates.isEmpty
        else { throw CredentialsError("\(source.name) has no certificate in PEM that can be read") }
        return certificates
    }
}
