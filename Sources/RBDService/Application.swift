// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

import Ceph
import HTTPTypes
import Hummingbird
public import Logging
import NIOPosix
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
    private let webhookTLS: TLSCredentials?
    private let claims: Claims
    private let repair: ImageRepair
    private let operations: OperationService
    private let creations: PoolCreations
    private let answerMemory: MemoryBudget
    private let keeper: TrashKeeper
    private let farewell: Farewell

    /// - Parameter metrics: shown at /metrics. The daemon has one for the process, each service of a test one of its own.
    /// - Throws: `ConfigurationError` where the token file can't be used.
    public init(
        configuration: ServiceConfiguration,
        logger: Logger,
        metrics: PrometheusRegistry = PrometheusRegistry()
    ) throws(ConfigurationError) {
        self.configuration = configuration
        self.logger = logger
        farewell = Farewell(delay: configuration.shutdownDelay)
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
        func credentials(_ files: TLSCredentials.Files?) throws(ConfigurationError) -> TLSCredentials? {
            guard let files else { return nil }
            return try TLSCredentials(files, logger: logger)
        }
        tls = try credentials(configuration.tls)
        webhookTLS = try credentials(configuration.webhook?.tls)
        telemetry = Telemetry(registry: metrics, logger: logger)
        audit = try AuditLog(
            configuration.auditLog,
            isRequired: configuration.requiresAudit,
            registry: metrics,
            logger: logger
        )
        connection = ClusterConnection(
            configuration: configuration.cluster,
            limits: configuration.calls,
            interval: configuration.probeInterval,
            // Half of it, as a request may have waited for other calls before.
            patience: min(configuration.requestTimeout, .seconds(configuration.cluster.timeouts.osd)) / 2,
            logger: logger,
            observer: telemetry.calls
        )
        let remnants = Remnants(patience: configuration.remnantPatience)
        let operationTelemetry = OperationTelemetry(registry: metrics, logger: logger, audit: audit)
        var limits = OperationLimits(perPool: configuration.operationConcurrency, lease: configuration.operationLease)
        limits.dataMemory = MemoryBudget(bytes: configuration.memoryLimit.dataBytes)
        answerMemory = MemoryBudget(bytes: configuration.memoryLimit.answerBytes)
        let retention = configuration.operationRetention
        creations = PoolCreations(
            connection: connection,
            limits: limits,
            retention: retention,
            telemetry: operationTelemetry,
            logger: logger
        )
        let store = OperationStore(
            connection: connection,
            retention: retention,
            creations: creations,
            perIdentity: configuration.operationsPerIdentity
        )
        let keeper = TrashKeeper(operations: store)
        let sweep = HeaderSweep(patience: configuration.remnantPatience, logger: logger)
        claims = Claims(
            connection: connection,
            lease: configuration.operationLease,
            logger: logger,
            isReady: { [creations] pool in
                guard let id = try? await pool.id() else { return false }
                return (try? await creations.isMakingReady(pool, id)) == false
            },
            settle: ImageSettlement(store: store).settle
        )
        let runner = OperationRunner(
            store: store,
            claims: claims,
            limits: limits,
            places: gate.places,
            telemetry: operationTelemetry,
            logger: logger,
            caretaker: { pool, runner in
                await keeper.care(for: pool, runner)
                await sweep.care(for: pool)
            }
        )
        operations = OperationService(store: store, runner: runner)
        repair = ImageRepair(remnants: remnants, search: RemainsSearch(), operations: operations)
        self.keeper = keeper
        telemetry.sample { [operationTelemetry.sample] }
        telemetry.watch(connection)
        telemetry.sample { [claims] in [MetricSample(.takeovers, Double(claims.takeovers))] }
        telemetry.sample { [gate] in [MetricSample(.requestsWaiting, Double(gate.places.waiting))] }
        telemetry.sample { [audit] in [MetricSample(.auditLinesPending, Double(audit.pending))] }
    }

    /// A way in, and what it is listened on for.
    public enum Door: Sendable {
        case api, webhook, health
    }

    /// Serves until a signal ends it, and then until what is in flight is answered.
    /// - Parameter onListening: told once for each way in, with the URL under which it can be reached.
    /// - Throws: `ListenError` where an address can't be listened on.
    public func run(onListening: @escaping @Sendable (_ door: Door, _ url: String) -> Void) async throws {
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
        // What is first ends last.
        var services: [any Service] = [audit, connection, claims, creations, operations.runner]
        // Neither way in takes all connections from the other.
        let reserved = configuration.webhook == nil ? 0 : max(connections / 4, 1)
        var api = Listener(
            address: .init(configuration),
            limits: configuration.door,
            connections: max(connections - reserved, 1),
            connectionsPerAddress: configuration.connectionsPerAddress
        )
        (api.tls, api.refused) = (tls, telemetry.refused)
        api.isEnding = { [farewell] in farewell.hasBegun }
        services.append(api.service(buildRouter(), logger: logger) { onListening(.api, $0) })
        if let webhook = configuration.webhook {
            var reviews = Listener(
                address: .host(webhook.host, port: webhook.port, for: .webhook),
                limits: configuration.door,
                connections: reserved
            )
            reviews.limits.bodyBytes = AdmissionController.maximumBodyBytes
            // An API server keeps connections for 90 seconds. Who closes first must be it: what it sends in the very moment of our
            // closing is lost, and it asks for a review only once.
            reviews.limits.idleTimeout = max(reviews.limits.idleTimeout, .seconds(120))
            (reviews.tls, reviews.refused, reviews.isEnding) = (webhookTLS, telemetry.refused, api.isEnding)
            services.append(reviews.service(buildWebhookRouter(), logger: logger) { onListening(.webhook, $0) })
        }
        if let port = configuration.healthPort {
            var health = Listener(
                address: .host(configuration.host, port: port, for: .health),
                limits: configuration.door,
                connections: Self.healthConnections
            )
            // Whatever keeps the others' event loops busy, these are answered.
            health.loops = MultiThreadedEventLoopGroup(numberOfThreads: 1)
            (health.refused, health.isEnding) = (telemetry.refused, api.isEnding)
            services.append(health.service(buildHealthRouter(), logger: logger) { onListening(.health, $0) })
        }
        services.append(farewell)
        var group = ServiceGroupConfiguration(
            services: services,
            gracefulShutdownSignals: [.sigterm, .sigint],
            logger: logger
        )
        group.maximumGracefulShutdownDuration = configuration.shutdownDelay + configuration.shutdownTimeout
        try await ServiceGroup(configuration: group).run()
    }

    /// Kubelets and balancers ask a few times a second.
    private static let healthConnections = 64

    private var images: ImageService {
        let access = ImageAccess(
            connection: connection,
            claims: claims,
            store: operations.store,
            largestImage: configuration.largestImage
        )
        return ImageService(images: access, repair: repair, operations: operations, keeper: keeper)
    }

    private var volumes: VolumeService { VolumeService(rules: configuration.volumes, images: images) }

    var routes: [Route] {
        let images = images
        let access = images.images
        let trash = TrashService(images: access, operations: operations, keeper: keeper, repair: repair)
        let work = ImageWorkService(images: access, operations: operations)
        let groups = GroupController(
            groups: GroupService(images: access, operations: operations.store),
            snapshots: GroupSnapshotService(images: access, operations: operations),
            maximumBodyBytes: configuration.maximumBodyBytes
        )
        let clients = ImageClientService(images: access, operations: operations.store)
        let limit = configuration.maximumBodyBytes
        return ClusterController(connection: connection, farewell: farewell).routes
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
            + VolumeController(service: volumes, maximumBodyBytes: limit).routes
    }

    /// What is served on the webhook's own port.
    var webhookRoutes: [Route] {
        AdmissionController(
            service: volumes,
            timeout: configuration.requestTimeout,
            metrics: ReviewMetrics(registry: telemetry.registry)
        ).routes
    }

    func buildRouter() -> Router<ServiceRequestContext> {
        let router = router(routes, origins: configuration.origins, timeout: configuration.requestTimeout)
        let answers = AnswerBudget(budget: answerMemory)
        for var route in routes {
            if route.method == .get { route.handler = answers.bounding(route.handler) }
            router.on(RouterPath(route.path), method: route.method) {
                [gate, route, rule = route.rule, largest = configuration.largestPage] request, context in
                try await Query.$largestPage.withValue(largest) {
                    try await gate.enter(route, by: rule, request, context)
                }
            }
        }
        return router
    }

    /// Who asks is known by the certificate, if at all: TLS sees to that.
    func buildWebhookRouter() -> Router<ServiceRequestContext> {
        let routes = webhookRoutes
        let router = router(routes, origins: [], timeout: nil)
        for route in routes { router.on(RouterPath(route.path), method: route.method, use: route.handler) }
        return router
    }

    /// The probes, which anybody may ask for.
    func buildHealthRouter() -> Router<ServiceRequestContext> {
        let routes = ClusterController(connection: connection, farewell: farewell).probes
        let router = router(routes, origins: [], timeout: nil)
        for route in routes { router.on(RouterPath(route.path), method: route.method, use: route.handler) }
        return router
    }

    /// A router with what all requests have in common, and without routes.
    ///
    /// - Parameter timeout: how long a request may take, unless it says less itself; nil where nothing is asked of the cluster.
    private func router(_ routes: [Route], origins: Set<String>, timeout: Duration?) -> Router<ServiceRequestContext> {
        let router = Router(context: ServiceRequestContext.self, options: [.autoGenerateHeadEndpoints])
        // One type with all of them in it: added one by one, each would be called through closures, at twice the cost of a short request.
        router.addMiddleware {
            TurnMiddleware()
            RequestIDMiddleware()
            if !origins.isEmpty { OriginMiddleware(origins: origins) }
            TelemetryMiddleware(metrics: telemetry.requests)
            AuditMiddleware(log: audit)
            CompressionMiddleware()
            ProblemMiddleware(routes: RouteTable(routes))
            if let timeout { DeadlineMiddleware(timeout: timeout) }
        }
        return router
    }
}
