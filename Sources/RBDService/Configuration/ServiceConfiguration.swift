// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

public import Ceph
public import Logging
import NIOCore
import RBDAPI

/// All settings in typed form.
public struct ServiceConfiguration: Sendable {
    public var host: String
    /// 0 takes any free port.
    public var port: Int
    /// The port for probes only; nil if there is none.
    public var healthPort: Int?
    /// A Unix socket to listen on instead of an address; nil if there is none.
    var socket: UnixSocket?
    /// Nil if callers are not authenticated.
    public var tokenFile: String?
    /// Whether to listen where others can reach the service, although callers are not authenticated.
    public var allowsAnonymous: Bool
    /// The origins whose pages may use the service from a browser.
    var origins: Set<String>
    /// Nil for plain HTTP.
    var tls: TLSCredentials.Files?
    /// Nil if there is no webhook.
    public var webhook: WebhookConfiguration?
    var volumes: VolumeRules
    public var cluster: ClusterConfiguration
    public var calls: BlockingPool.Limits
    public var requestTimeout: Duration
    public var probeInterval: Duration
    public var shutdownDelay: Duration
    public var shutdownTimeout: Duration
    /// How long the remains of an interrupted create must have existed before they are removed. It is longer than any
    /// step of a create that another replica may still be running.
    public var remnantPatience: Duration
    public var maximumConnections: Int
    public var idleTimeout: Duration
    public var headerTimeout: Duration
    public var bodyTimeout: Duration
    public var maximumBodyBytes: Int
    /// How long a deleted image can be restored if the request does not say.
    public var trashDelay: Duration
    public var operationConcurrency: Int
    /// The maximum number of unfinished operations of one identity in one pool; nil for no limit.
    public var operationsPerIdentity: Int?
    /// The maximum number of connections from one address.
    public var connectionsPerAddress: Int
    var memoryLimit: MemoryLimit
    /// The largest size of an image; nil for no limit.
    var largestImage: ByteCount?
    public var largestPage: Int
    public var operationLease: Duration
    public var operationRetention: Duration
    var auditLog: AuditTarget
    var requiresAudit: Bool
    public var logLevel: Logger.Level
    public var logFormat: LogFormat

    /// - Throws: `ConfigurationError`, which names the setting and where its value came from.
    public init(_ values: SettingValues) throws(ConfigurationError) {
        host = try values.text(.host)
        port = try values.integer(.port, in: 0...65_535)
        healthPort = try values.optional(.healthPort).map { _ throws(ConfigurationError) in
            try values.integer(.healthPort, in: 0...65_535)
        }
        tokenFile = values.optional(.tokenFile)
        allowsAnonymous = try values.flag(.allowAnonymous)
        socket = try Self.socket(values)
        guard socket != nil || tokenFile != nil || allowsAnonymous || Self.isLoopback(host) else {
            throw values.error(
                .host,
                """
                others can reach \(host), and callers are not authenticated. Set \(Setting.tokenFile.name) to a file \
                of identities (rbd-rest-api token new makes one), or \(Setting.allowAnonymous.name) to true to accept \
                that anyone who can reach the service may destroy volumes
                """
            )
        }
        origins = try Self.origins(values)
        switch (values.optional(.tlsCertificate), values.optional(.tlsKey)) {
        case (let certificate?, let key?): tls = TLSCredentials.Files(certificate: certificate, key: key)
        case (nil, nil):
            guard values.optional(.tlsClientCA) == nil else {
                throw values.error(
                    .tlsClientCA,
                    "client certificates need TLS; set \(Setting.tlsCertificate.name) and \(Setting.tlsKey.name)"
                )
            }
        case (nil, _): throw values.error(.tlsCertificate, "the key has no certificate")
        case (_, nil): throw values.error(.tlsKey, "the certificate has no key")
        }
        tls?.clientAuthorities = values.optional(.tlsClientCA)
        guard tls?.clientAuthorities == nil || tokenFile != nil else {
            throw values.error(
                .tlsClientCA,
                "no identities are configured for the certificates; set \(Setting.tokenFile.name) to a file of identities"
            )
        }
        volumes = try Self.volumes(values)
        webhook = try Self.webhook(values)
        if let keyring = values.optional(.cephKeyring), FileStamp(path: keyring)?.isOpenToOthers == true {
            throw values.error(
                .cephKeyring,
                "\"\(keyring)\" can be read or written by others; run chmod 0600 \(keyring)"
            )
        }
        let arguments = values.optional(.cephArgs)?.split(whereSeparator: \.isWhitespace).map(String.init) ?? []
        guard !arguments.contains(where: { $0 == "--key" || $0.hasPrefix("--key=") }) else {
            throw values.error(
                .cephArgs,
                "anyone who can list processes or settings can see a key there; put it into a keyring, and name that in "
                    + Setting.cephKeyring.name
            )
        }
        cluster = ClusterConfiguration(
            configFile: values.optional(.cephConf),
            user: values.optional(.cephUser),
            keyring: values.optional(.cephKeyring),
            arguments: arguments,
            timeouts: ClusterConfiguration.Timeouts(
                connect: try values.integer(.connectTimeout, in: 1...3600),
                monitor: try values.integer(.monitorTimeout, in: 1...3600),
                osd: try values.integer(.osdTimeout, in: 1...3600)
            )
        )
        calls = BlockingPool.Limits(
            threads: try values.integer(.callThreads, in: 1...1024),
            queue: try values.integer(.callQueue, in: 0...65_536),
            replacements: try values.integer(.spareThreads, in: 0...1024)
        )
        requestTimeout = .seconds(try values.integer(.requestTimeout, in: 1...3600))
        probeInterval = .seconds(try values.integer(.probeInterval, in: 1...3600))
        shutdownDelay = .seconds(try values.integer(.shutdownDelay, in: 0...3600))
        shutdownTimeout = .seconds(try values.integer(.shutdownTimeout, in: 1...3600))
        remnantPatience = .seconds(2 * cluster.timeouts.osd)
        maximumConnections = try values.integer(.maximumConnections, in: 1...1_000_000)
        let perAddress = try values.integer(.connectionsPerAddress, in: 0...1_000_000)
        connectionsPerAddress = perAddress > 0 ? perAddress : max(1, maximumConnections * 3 / 4)
        let memory = try values.text(.memoryLimit)
        guard let memoryLimit = MemoryLimit(memory) else {
            throw values.error(
                .memoryLimit,
                "\"\(memory)\" is neither auto nor a size of 64MiB or more, such as 512MiB"
            )
        }
        self.memoryLimit = memoryLimit
        largestImage = try values.optional(.largestImage).map { text throws(ConfigurationError) in
            do throws(ByteCount.ParseError) {
                return try ByteCount(parsing: text)
            } catch {
                throw values.error(.largestImage, error.reason)
            }
        }
        largestPage = try values.integer(.largestPage, in: 1...Query.maximumLimit)
        idleTimeout = .seconds(try values.integer(.idleTimeout, in: 1...3600))
        headerTimeout = .seconds(try values.integer(.headerTimeout, in: 1...3600))
        bodyTimeout = .seconds(try values.integer(.bodyTimeout, in: 1...3600))
        maximumBodyBytes = try values.integer(.maximumBodyBytes, in: 1024...(64 << 20))
        trashDelay = try values.duration(.trashDelay, in: .zero...DurationText.maximum)
        operationConcurrency = try values.integer(.operationConcurrency, in: 1...64)
        operationsPerIdentity = try values.optional(.operationsPerIdentity).map { _ throws(ConfigurationError) in
            try values.integer(.operationsPerIdentity, in: 1...1_000_000)
        }
        operationLease = try values.duration(.operationLease, in: .seconds(3) ... .seconds(600))
        operationRetention = try values.duration(.operationRetention, in: .zero...DurationText.maximum)
        auditLog = AuditTarget(try values.text(.auditLog))
        guard auditLog != .standardOutput || AuditSink.hasStandardOutput else {
            throw values.error(.auditLog, "standard output is closed")
        }
        requiresAudit = try values.flag(.auditRequired)
        let level = try values.text(.logLevel)
        guard let logLevel = Logger.Level(rawValue: level) else {
            let levels = Logger.Level.allCases.map(\.rawValue).joined(separator: ", ")
            throw values.error(.logLevel, "\"\(level)\" is not one of \(levels)")
        }
        self.logLevel = logLevel
        let format = try values.text(.logFormat)
        guard let logFormat = LogFormat(rawValue: format) else {
            let formats = LogFormat.allCases.map(\.rawValue).joined(separator: ", ")
            throw values.error(.logFormat, "\"\(format)\" is not one of \(formats)")
        }
        self.logFormat = logFormat
    }
}

extension ServiceConfiguration {
    private static func socket(_ values: SettingValues) throws(ConfigurationError) -> UnixSocket? {
        guard let path = values.optional(.unixSocket) else { return nil }
        guard path.utf8.count <= UnixSocket.maximumPathLength else {
            throw values.error(.unixSocket, "a socket's path has \(UnixSocket.maximumPathLength) bytes at most")
        }
        let text = try values.text(.unixSocketMode)
        guard let mode = UInt32(text, radix: 8), mode <= 0o777 else {
            throw values.error(.unixSocketMode, "\"\(text)\" is not an octal mode, such as 0660")
        }
        guard let name = values.optional(.unixSocketGroup) else { return UnixSocket(path: path, mode: mode) }
        guard let group = UnixSocket.group(named: name) else {
            throw values.error(.unixSocketGroup, "there is no group \"\(name)\"")
        }
        guard UnixSocket.mayAssign(group) else {
            throw values.error(.unixSocketGroup, "the service does not belong to the group \"\(name)\"")
        }
        return UnixSocket(path: path, mode: mode, group: group)
    }

    private static func origins(_ values: SettingValues) throws(ConfigurationError) -> Set<String> {
        let origins = list(values.optional(.corsAllowedOrigins))
        for origin in origins {
            guard origin != "*" else {
                throw values.error(.corsAllowedOrigins, "every web page could use the service; name the origins")
            }
            guard OriginMiddleware.isOrigin(origin) else {
                throw values.error(
                    .corsAllowedOrigins,
                    "\"\(origin)\" is not an origin as browsers send it, such as https://console.example.com: scheme and host in "
                        + "lower case, a port only if it is not the scheme's default, and no path"
                )
            }
        }
        return Set(origins)
    }

    /// Whether only processes on the same machine can reach the address.
    static func isLoopback(_ host: String) -> Bool {
        if host == "localhost" { return true }
        guard let address = try? SocketAddress(ipAddress: host, port: 0).ipAddress else { return false }
        return address.hasPrefix("127.") || address == "::1"
    }

    var door: DoorLimits {
        DoorLimits(
            idleTimeout: TimeAmount(idleTimeout),
            headerTimeout: TimeAmount(headerTimeout),
            bodyTimeout: TimeAmount(bodyTimeout),
            bodyBytes: maximumBodyBytes
        )
    }
}
