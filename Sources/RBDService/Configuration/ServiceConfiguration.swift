// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

public import Ceph
import NIOCore

/// The configuration of the service: the value of each setting, under its name in ``Settings``, and what follows from
/// several settings.
@dynamicMemberLookup
public struct ServiceConfiguration: Sendable {
    private var settings: ParsedSettings
    /// A Unix socket to listen on instead of an address; nil if there is none.
    var socket: UnixSocket?
    /// The origins whose pages may use the service from a browser.
    var origins: Set<String>
    /// Nil for plain HTTP.
    var tls: TLSCredentials.Files?
    /// Nil if there is no webhook.
    public var webhook: WebhookConfiguration?
    var volumes: VolumeRules
    /// Nil if this process has no controller for PersistentVolumes.
    var controller: ControllerConfiguration?
    public var cluster: ClusterConfiguration
    /// How long the remains of an interrupted create must have existed before they are removed. It is longer than any
    /// step of a create that another replica may still be running.
    public var remnantPatience: Duration
    /// The maximum number of connections from one address.
    public var connectionsPerAddress: Int

    /// - Throws: `ConfigurationError`, which names the setting and where its value came from.
    public init(_ values: SettingValues) throws(ConfigurationError) {
        let settings = try ParsedSettings(values)
        self.settings = settings
        socket = try Self.socket(settings)
        guard
            socket != nil || settings.tokenFile != nil || settings.allowsAnonymous || Self.isLoopback(settings.host)
        else {
            throw settings.error(
                \.host,
                """
                others can reach \(settings.host), and callers are not authenticated. Set \
                \(Settings.declared.tokenFile.name) to a file of identities (rbd-rest-api token new makes one), or \
                \(Settings.declared.allowsAnonymous.name) to true to accept that anyone who can reach the service may \
                destroy volumes
                """
            )
        }
        origins = try Self.origins(settings)
        tls = try Self.tls(settings)
        volumes = try Self.volumes(settings)
        webhook = try Self.webhook(settings)
        controller = try Self.controller(settings)
        cluster = try Self.cluster(settings)
        remnantPatience = .seconds(2 * cluster.timeouts.osd)
        let perAddress = settings.connectionsPerAddress
        connectionsPerAddress = perAddress > 0 ? perAddress : max(1, settings.maximumConnections * 3 / 4)
    }

    /// The value of a setting.
    public subscript<Value>(dynamicMember path: KeyPath<Settings, Setting<Value>>) -> Value {
        get { settings[dynamicMember: path] }
        set { settings[dynamicMember: path] = newValue }
    }

    /// How many calls to Ceph may run and wait.
    public var calls: BlockingPool.Limits {
        BlockingPool.Limits(
            threads: settings.callThreads,
            queue: settings.callQueue,
            replacements: settings.spareThreads
        )
    }

    var door: DoorLimits {
        DoorLimits(
            idleTimeout: TimeAmount(settings.idleTimeout),
            headerTimeout: TimeAmount(settings.headerTimeout),
            bodyTimeout: TimeAmount(settings.bodyTimeout),
            bodyBytes: settings.maximumBodyBytes
        )
    }
}

extension ServiceConfiguration {
    private static func socket(_ settings: ParsedSettings) throws(ConfigurationError) -> UnixSocket? {
        guard let path = settings.unixSocket else { return nil }
        guard path.utf8.count <= UnixSocket.maximumPathLength else {
            throw settings.error(\.unixSocket, "a socket's path has \(UnixSocket.maximumPathLength) bytes at most")
        }
        var socket = UnixSocket(path: path, mode: settings.unixSocketMode)
        guard let name = settings.unixSocketGroup else { return socket }
        guard let group = UnixSocket.group(named: name) else {
            throw settings.error(\.unixSocketGroup, "there is no group \"\(name)\"")
        }
        guard UnixSocket.mayAssign(group) else {
            throw settings.error(\.unixSocketGroup, "the service does not belong to the group \"\(name)\"")
        }
        socket.group = group
        return socket
    }

    private static func origins(_ settings: ParsedSettings) throws(ConfigurationError) -> Set<String> {
        let origins = settings.corsAllowedOrigins ?? []
        for origin in origins {
            guard origin != "*" else {
                throw settings.error(\.corsAllowedOrigins, "every web page could use the service; name the origins")
            }
            guard OriginMiddleware.isOrigin(origin) else {
                throw settings.error(
                    \.corsAllowedOrigins,
                    "\"\(origin)\" is not an origin as browsers send it, such as https://console.example.com: scheme and host in "
                        + "lower case, a port only if it is not the scheme's default, and no path"
                )
            }
        }
        return Set(origins)
    }

    private static func tls(_ settings: ParsedSettings) throws(ConfigurationError) -> TLSCredentials.Files? {
        let authorities = settings.tlsClientCA
        switch (settings.tlsCertificate, settings.tlsKey) {
        case (let certificate?, let key?):
            guard authorities == nil || settings.tokenFile != nil else {
                throw settings.error(
                    \.tlsClientCA,
                    "no identities are configured for the certificates; set \(Settings.declared.tokenFile.name) to a file "
                        + "of identities"
                )
            }
            return TLSCredentials.Files(certificate: certificate, key: key, clientAuthorities: authorities)
        case (nil, nil):
            guard authorities == nil else {
                throw settings.error(
                    \.tlsClientCA,
                    "client certificates need TLS; set \(Settings.declared.tlsCertificate.name) and "
                        + Settings.declared.tlsKey.name
                )
            }
            return nil
        case (nil, _): throw settings.error(\.tlsCertificate, "the key has no certificate")
        case (_, nil): throw settings.error(\.tlsKey, "the certificate has no key")
        }
    }

    private static func cluster(_ settings: ParsedSettings) throws(ConfigurationError) -> ClusterConfiguration {
        if let keyring = settings.cephKeyring, FileStamp(path: keyring)?.isOpenToOthers == true {
            throw settings.error(
                \.cephKeyring,
                "\"\(keyring)\" can be read or written by others; run chmod 0600 \(keyring)"
            )
        }
        let arguments = settings.cephArgs?.split(whereSeparator: \.isWhitespace).map(String.init) ?? []
        guard !arguments.contains(where: { $0 == "--key" || $0.hasPrefix("--key=") }) else {
            throw settings.error(
                \.cephArgs,
                "anyone who can list processes or settings can see a key there; put it into a keyring, and name that in "
                    + Settings.declared.cephKeyring.name
            )
        }
        return ClusterConfiguration(
            configFile: settings.cephConf,
            user: settings.cephUser,
            keyring: settings.cephKeyring,
            arguments: arguments,
            timeouts: ClusterConfiguration.Timeouts(
                connect: settings.connectTimeout,
                monitor: settings.monitorTimeout,
                osd: settings.osdTimeout
            )
        )
    }

    /// Whether only processes on the same machine can reach the address.
    static func isLoopback(_ host: String) -> Bool {
        if host == "localhost" { return true }
        guard let address = try? SocketAddress(ipAddress: host, port: 0).ipAddress else { return false }
        return address.hasPrefix("127.") || address == "::1"
    }
}
