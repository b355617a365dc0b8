// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

import Glibc
import Hummingbird
import HummingbirdCore
import Logging
import NIOCore
import NIOPosix
import RBDAPI
import ServiceLifecycle
import Synchronization

/// An address that the service listens on, and its options.
struct Listener {
    enum Address: Sendable {
        case host(String, port: Int, for: RBDService.Door)
        case socket(UnixSocket)
    }

    var address: Address
    var limits: DoorLimits
    /// The maximum number of connections.
    var connections: Int
    /// The maximum number of connections from one address; nil for no limit.
    var connectionsPerAddress: Int?
    /// Nil for plain HTTP.
    var tls: TLSCredentials?
    /// Nil to share the event loops of the process.
    var loops: (any EventLoopGroup)?
    var refused: @Sendable (Problem) -> Void = { _ in }
    /// Whether each answer is to close its connection.
    var isEnding: @Sendable () -> Bool = { false }

    /// - Parameter onListening: called once, with the URL.
    func service(
        _ router: Router<ServiceRequestContext>,
        logger: Logger,
        onListening: @escaping @Sendable (_ url: String) -> Void
    ) -> some Service {
        let (tls, limits, address) = (tls, limits, address)
        let (refused, isEnding, loops) = (refused, isEnding, loops)
        let addresses = connectionsPerAddress.map(AddressLimit.init)
        let mask = SocketMask()
        let application = Application(
            router: router,
            server: HTTPServerBuilder { responder in
                DoorChannel(
                    responder: responder,
                    limits: limits,
                    addresses: addresses,
                    tls: tls,
                    refused: refused,
                    isEnding: isEnding
                )
            },
            configuration: ApplicationConfiguration(
                address: address.bindAddress,
                serverName: "rbd-rest-api",
                backlog: 1024,
                availableConnectionsDelegate: .maximum(connections, logger: logger)
            ),
            onServerRunning: { channel in
                if case .socket(let socket) = address {
                    mask.lift(isBound: true)
                    if !socket.assignGroup() {
                        logger.error(
                            "the socket could not be given to its group",
                            metadata: [LogKeys.host: "\(socket.path)"]
                        )
                    }
                }
                if let url = address.url(channel.localAddress, isSecure: tls != nil) { onListening(url) }
            },
            eventLoopGroupProvider: loops.map { .shared($0) } ?? .singleton,
            logger: logger
        )
        return Listening(address: address, application: application, mask: mask)
    }
}

extension Listener.Address {
    init(_ configuration: ServiceConfiguration) {
        self = configuration.socket.map(Self.socket) ?? .host(configuration.host, port: configuration.port, for: .api)
    }

    fileprivate var bindAddress: BindAddress {
        switch self {
        case .host(let host, let port, _): .hostname(host, port: port)
        case .socket(let socket): .unixDomainSocket(path: socket.path)
        }
    }

    fileprivate func url(_ bound: SocketAddress?, isSecure: Bool) -> String? {
        if case .socket(let socket) = self { return "unix:\(socket.path)" }
        return bound?.hostAndPort.map { "\(isSecure ? "https" : "http")://\($0)" }
    }
}

extension SocketAddress {
    /// `127.0.0.1:8080`, `[::1]:8080`; nil for an address of another kind.
    var hostAndPort: String? {
        guard let ipAddress, let port else { return nil }
        return self.protocol == .inet6 ? "[\(ipAddress)]:\(port)" : "\(ipAddress):\(port)"
    }
}

/// The process's umask while a socket is bound: the socket's file has its mode from the beginning.
private final class SocketMask: Sendable {
    private let isBound = Flag()
    private let old = Mutex<mode_t?>(nil)

    func lower(to mask: mode_t) {
        old.withLock { $0 = umask(mask) }
    }

    /// Restores the umask, once.
    func lift(isBound: Bool) {
        if isBound { self.isBound.raise() }
        old.withLock { old in
            if let mask = old { umask(mask) }
            old = nil
        }
    }

    var wasBound: Bool { isBound.isRaised }
}

/// Runs one application. If its address can't be used, the error names the address.
private struct Listening<Application: ApplicationProtocol>: Service {
    let address: Listener.Address
    let application: Application
    let mask: SocketMask

    func run() async throws {
        if case .socket(let socket) = address {
            try socket.requireFree()
            mask.lower(to: socket.mask)
        }
        defer {
            mask.lift(isBound: false)
            if case .socket(let socket) = address, mask.wasBound { socket.remove() }
        }
        do {
            try await application.run()
        } catch let error as IOError {
            // Only binding throws this: later errors belong to a connection and end there.
            throw ListenError(address, errno: error.errnoCode)
        } catch is SocketAddressError {
            throw ListenError(address, errno: EADDRNOTAVAIL)
        }
    }
}

/// The service can't listen on an address.
public struct ListenError: Error, Hashable, Sendable, CustomStringConvertible {
    /// The address, for messages.
    public var place: String
    /// The command-line options that choose another address.
    public var settings: String
    public var errno: CInt

    init(_ address: Listener.Address, errno: CInt) {
        let names = Settings.declared
        switch address {
        case .host(let host, let port, let door):
            place = "\(host) port \(port)"
            settings =
                switch door {
                case .api: "\(Self.options(names.host, names.port)), or --\(names.unixSocket.name)"
                case .webhook: Self.options(names.webhookHost, names.webhookPort)
                case .health: Self.options(names.host, names.healthPort)
                }
        case .socket(let socket):
            place = "the socket \(socket.path)"
            settings = "\(Self.options(names.host, names.port)), or --\(names.unixSocket.name)"
        }
        self.errno = errno
    }

    private static func options(_ first: any SettingDeclaration, _ second: any SettingDeclaration) -> String {
        "--\(first.name) and --\(second.name)"
    }

    public var description: String {
        let reason =
            switch errno {
            case EADDRINUSE: "it is in use already"
            case EEXIST: "something other than a socket exists at this path"
            case EACCES: "permission denied; ports below 1024 need privileges"
            case EADDRNOTAVAIL: "this machine has no such address"
            default: String(cString: strerror(errno))
            }
        return "can't listen on \(place): \(reason)"
    }
}
