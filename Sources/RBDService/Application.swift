// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

import Ceph
import Glibc
import HTTPTypes
import Hummingbird
import HummingbirdCore
public import Logging
import NIOCore
import ServiceLifecycle
import UnixSignals

/// The service, wired together. `@main` runs it; tests take its parts.
public struct RBDService: Sendable {
    let configuration: ServiceConfiguration
    let logger: Logger
    let connection: ClusterConnection
    let telemetry: Telemetry
    private let audit: AuditLog
    private let gate: AccessGate
    private let tls: TLSCredentials?
    private let locks = KeyedLocks()
    private let remnants: Remnants
    private let operations: OperationService
    private let creations: PoolCreations
    private let keeper: TrashKeeper

    /// - Parameter metrics: shown at /metrics. The daemon has one for the process, each service of a test one of its own.
    /// - Throws: `ConfigurationError` where the token file can't be used.
    public init(
        configuration: ServiceConfiguration,
        logger: Logger,
        metrics: PrometheusRegistry = PrometheusRegistry()
    ) throws(ConfigurationError) {
        self.configuration = configuration
        self.logger = logger
        var authenticators: [any Authenticator] = []
        if let file = configuration.tokenFile {
            let identities = try TokenFile.watched(path: file, logger: logger)
            authenticators.append(TokenAuthenticator(identities: identities))
            // A token decides, where there is one: it is shown on purpose.
            if configuration.tls?.clientAuthorities != nil {
                authenticators.append(CertificateAuthenticator(identities: identities))
            }
        }
        gate = AccessGate(authenticators: authenticators, origins: configuration.origins)
        if let files = configuration.tls { tls = try TLSCredentials(files, logger: logger) } else { tls = nil }
        telemetry = Telemetry(registry: metrics, logger: logger)
        audit = try AuditLog(
            configuration.auditLog,
            isRequired: configuration.requiresAudit,
            registry: metrics,
            logger: logger
        )
        let calls = BlockingPool(limits: configuration.calls)
        connection = ClusterConnection(
            configuration: configuration.cluster,
            calls: calls,
            interval: configuration.probeInterval,
            logger: logger,
            observer: telemetry.calls
        )
        remnants = Remnants(patience: configuration.remnantPatience)
        let operationTelemetry = OperationTelemetry(registry: metrics, logger: logger, audit: audit)
        let limits = OperationLimits(perPool: configuration.operationConcurrency, lease: configuration.operationLease)
        let retention = configuration.operationRetention
        creations = PoolCreations(
            connection: connection,
            limits: limits,
            retention: retention,
            telemetry: operationTelemetry,
            logger: logger
        )
        let store = OperationStore(connection: connection, retention: retention, creations: creations)
        let keeper = TrashKeeper(operations: store)
        let runner = OperationRunner(
            store: store,
            limits: limits,
            telemetry: operationTelemetry,
            logger: logger,
            caretaker: keeper.care
        )
        operations = OperationService(store: store, runner: runner)
        self.keeper = keeper
        telemetry.sample { [operationTelemetry.sample] }
        telemetry.watch(calls)
        telemetry.watch(connection)
        telemetry.sample { [audit] in [MetricSample(.auditLinesPending, Double(audit.pending))] }
    }

    public static let version = "0.1.0"

    /// Serves until a signal ends it, and then until what is in flight is answered.
    /// - Parameter onListening: told once, the URL under which the service can be reached.
    /// - Throws: `ListenError` where the address can't be listened on.
    public func run(onListening: @escaping @Sendable (_ url: String) -> Void) async throws {
        if gate.authenticators.isEmpty, configuration.socket == nil,
            !ServiceConfiguration.isLoopback(configuration.host)
        {
            logger.warning(
                "nobody is asked who he is: whoever reaches the service may destroy volumes",
                metadata: [LogKeys.host: "\(configuration.host)"]
            )
        }
        let connections = Descriptors.connections(wanted: configuration.maximumConnections)
        if connections < configuration.maximumConnections {
            logger.warning(
                "the limit on open files leaves room for fewer connections than configured",
                metadata: [LogKeys.connections: "\(connections)"]
            )
        }
        let socket = configuration.socket
        try socket?.requireFree()
        // The file has its mode from the moment that it is there.
        let mask = socket.map { umask($0.mask) }
        let isBound = Flag()
        defer {
            if let mask { umask(mask) }
            if isBound.isRaised { socket?.remove() }
        }
        let application = Application(
            router: buildRouter(),
            server: HTTPServerBuilder { [limits = configuration.door, tls, telemetry] responder in
                DoorChannel(responder: responder, limits: limits, tls: tls, refused: telemetry.refused)
            },
            configuration: ApplicationConfiguration(
                address: socket.map { .unixDomainSocket(path: $0.path) }
                    ?? .hostname(configuration.host, port: configuration.port),
                serverName: "rbd-rest-api",
                backlog: 1024,
                availableConnectionsDelegate: .maximum(connections, logger: logger)
            ),
            onServerRunning: { [logger] channel in
                isBound.raise()
                if let mask { umask(mask) }
                if let socket, !socket.assignGroup() {
                    logger.error(
                        "the socket could not be given to its group",
                        metadata: [LogKeys.host: "\(socket.path)"]
                    )
                }
                if let url = socket.map({ "unix:\($0.path)" }) ?? channel.localAddress.flatMap(url) { onListening(url) }
            },
            logger: logger
        )
        var group = ServiceGroupConfiguration(
            // What is first ends last.
            services: [audit, connection, creations, operations.runner, application],
            gracefulShutdownSignals: [.sigterm, .sigint],
            logger: logger
        )
        group.maximumGracefulShutdownDuration = configuration.shutdownTimeout
        do {
            try await ServiceGroup(configuration: group).run()
        } catch let error as IOError {
            // Only binding throws this: later errors belong to a connection and end there.
            if let socket { throw ListenError(socket: socket.path, errno: error.errnoCode) }
            throw ListenError(host: configuration.host, port: configuration.port, errno: error.errnoCode)
        } catch let error as SocketAddressError {
            logger.debug("the address can't be resolved", metadata: [LogKeys.error: "\(error)"])
            throw ListenError(host: configuration.host, port: configuration.port, errno: EADDRNOTAVAIL)
        }
    }

    private func url(_ address: SocketAddress) -> String? {
        guard let host = address.ipAddress, let port = address.port else { return nil }
        let scheme = tls == nil ? "http" : "https"
        return "\(scheme)://" + (address.protocol == .inet6 ? "[\(host)]:\(port)" : "\(host):\(port)")
    }

    var routes: [Route] {
        let access = ImageAccess(connection: connection, locks: locks)
        let images = ImageService(images: access, remnants: remnants, operations: operations, keeper: keeper)
        let trash = TrashService(images: access, operations: operations, keeper: keeper)
        let work = ImageWorkService(images: access, operations: operations)
        let groups = GroupController(
            groups: GroupService(images: access, operations: operations.store),
            snapshots: GroupSnapshotService(images: access, operations: operations),
            maximumBodyBytes: configuration.maximumBodyBytes
        )
        let clients = ImageClientService(images: access, operations: operations.store)
        let limit = configuration.maximumBodyBytes
        return ClusterController(connection: connection).routes
            + MetricsController(telemetry: telemetry).routes
            + PoolController(
                service: PoolService(connection: connection, creations: creations, operations: operations),
                maximumBodyBytes: limit
            ).routes
            + ImageController(
                service: images,
                work: work,
                maximumBodyBytes: limit,
                trashDelay: configuration.trashDelay
            ).routes
            + ImageWorkController(service: work, maximumBodyBytes: limit).routes
            + TrashController(service: trash, maximumBodyBytes: limit).routes
            + OperationController(service: operations).routes
            + ImageClientController(service: clients).routes
            + groups.routes
            + NamespaceController(service: NamespaceService(connection: connection), maximumBodyBytes: limit).routes
            + SnapshotController(service: SnapshotService(images: access, work: work), maximumBodyBytes: limit).routes
    }

    func buildRouter() -> Router<ServiceRequestContext> {
        let routes = routes
        let router = Router(context: ServiceRequestContext.self, options: [.autoGenerateHeadEndpoints])
        router.add(middleware: RequestIDMiddleware())
        if !configuration.origins.isEmpty { router.add(middleware: OriginMiddleware(origins: configuration.origins)) }
        router.add(middleware: TelemetryMiddleware(metrics: telemetry.requests))
        router.add(middleware: AuditMiddleware(log: audit))
        router.add(middleware: CompressionMiddleware())
        router.add(middleware: ProblemMiddleware(routes: RouteTable(routes)))
        router.add(middleware: DeadlineMiddleware(timeout: configuration.requestTimeout))
        for route in routes {
            router.on(RouterPath(route.path), method: route.method) { [gate, rule = route.rule] request, context in
                try await gate.enter(route, by: rule, request, context)
            }
        }
        return router
    }
}

/// The service can't listen where it was told to.
public struct ListenError: Error, Hashable, Sendable, CustomStringConvertible {
    /// In words.
    public var place: String
    public var errno: CInt

    init(host: String, port: Int, errno: CInt) {
        self.place = "\(host) port \(port)"
        self.errno = errno
    }

    init(socket path: String, errno: CInt) {
        self.place = "the socket \(path)"
        self.errno = errno
    }

    public var description: String {
        let reason =
            switch errno {
            case EADDRINUSE: "it is in use already"
            case EEXIST: "there is something else in its place"
            case EACCES: "this process may not; ports below 1024 are for privileged ones"
            case EADDRNOTAVAIL: "this machine has no such address"
            default: String(cString: strerror(errno))
            }
        return "can't listen on \(place): \(reason)"
    }
}
