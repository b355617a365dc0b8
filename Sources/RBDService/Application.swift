// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

import Ceph
import Hummingbird
public import Logging
import NIOPosix
import ServiceLifecycle
import UnixSignals

/// The service with all its parts. `@main` runs it; tests use its parts.
public struct RBDService: Sendable {
    let configuration: ServiceConfiguration
    let logger: Logger
    let connection: ClusterConnection
    let telemetry: Telemetry
    let audit: AuditLog
    let gate: AccessGate
    private let tls: TLSCredentials?
    private let webhookTLS: TLSCredentials?
    private let claims: Claims
    let images: ImageService
    let repair: ImageRepair
    let operations: OperationService
    let creations: PoolCreations
    let answerMemory: MemoryBudget
    let keeper: TrashKeeper
    let controller: KubernetesController?
    let shutdownDelay: ShutdownDelay

    /// - Parameter metrics: shown at /metrics. The daemon has one registry for the process; in tests each service has
    ///   its own.
    /// - Throws: `ConfigurationError` if the token file, a certificate, the audit log or the controller's credentials
    ///   can't be used.
    public init(
        configuration: ServiceConfiguration,
        logger: Logger,
        metrics: PrometheusRegistry = PrometheusRegistry()
    ) throws(ConfigurationError) {
        self.configuration = configuration
        self.logger = logger
        shutdownDelay = ShutdownDelay(delay: configuration.shutdownDelay)
        var authenticators: [any Authenticator] = []
        if let file = configuration.tokenFile {
            let identities = try TokenFile.watched(path: file, logger: logger)
            authenticators.append(TokenAuthenticator(identities: identities))
            // A token takes precedence over a certificate: the caller sends it on purpose.
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
            // Half of the timeout, because the request may have waited for other calls before.
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
        let access = ImageAccess(
            connection: connection,
            claims: claims,
            store: store,
            largestImage: configuration.largestImage
        )
        let images = ImageService(images: access, repair: repair, operations: operations, keeper: keeper)
        self.images = images
        if let settings = configuration.controller {
            controller = try KubernetesController(
                settings,
                images: VolumeImages(
                    VolumeService(rules: configuration.volumes, images: images),
                    trashDelay: configuration.trashDelay,
                    audit: audit,
                    logger: logger
                ),
                connection: connection,
                registry: metrics,
                timeLimit: configuration.requestTimeout,
                logger: logger
            )
        } else {
            controller = nil
        }
        telemetry.sample { [operationTelemetry.sample] }
        telemetry.watch(connection)
        telemetry.sample { [claims] in [MetricSample(.takeovers, Double(claims.takeovers))] }
        telemetry.sample { [gate] in [MetricSample(.requestsWaiting, Double(gate.places.waiting))] }
        telemetry.sample { [audit] in [MetricSample(.auditLinesPending, Double(audit.pending))] }
        if let controller { telemetry.sample { controller.samples } }
    }

    /// What an address is listened on for.
    public enum Door: Sendable {
        case api, webhook, health
    }

    /// Serves until a signal stops the service, and then until the requests in flight are answered.
    /// - Parameter onListening: called once for each address, with its URL.
    /// - Throws: `ListenError` if the service can't listen on an address.
    public func run(onListening: @escaping @Sendable (_ door: Door, _ url: String) -> Void) async throws {
        if gate.authenticators.isEmpty, configuration.socket == nil,
            !ServiceConfiguration.isLoopback(configuration.host)
        {
            logger.warning(
                "callers are not authenticated: anyone who can reach the service may destroy volumes",
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
        // The first service stops last.
        var services: [any Service] = [audit, connection, claims, creations, operations.runner]
        if let controller { services.append(controller) }
        // The API and the webhook can't use up each other's connections.
        let reserved = configuration.webhook == nil ? 0 : max(connections / 4, 1)
        var api = Listener(
            address: .init(configuration),
            limits: configuration.door,
            connections: max(connections - reserved, 1),
            connectionsPerAddress: configuration.connectionsPerAddress
        )
        (api.tls, api.refused) = (tls, telemetry.refused)
        api.isEnding = { [shutdownDelay] in shutdownDelay.hasBegun }
        services.append(api.service(buildRouter(), logger: logger) { onListening(.api, $0) })
        if let webhook = configuration.webhook {
            var reviews = Listener(
                address: .host(webhook.host, port: webhook.port, for: .webhook),
                limits: configuration.door,
                connections: reserved
            )
            reviews.limits.bodyBytes = AdmissionController.maximumBodyBytes
            // API servers close idle connections after 90 seconds. They must be the first to close. A review that is
            // sent just when the service closes the connection would be lost, and API servers do not repeat it.
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
            // A separate event loop answers the probes even while the other loops are busy.
            health.loops = MultiThreadedEventLoopGroup(numberOfThreads: 1)
            (health.refused, health.isEnding) = (telemetry.refused, api.isEnding)
            services.append(health.service(buildHealthRouter(), logger: logger) { onListening(.health, $0) })
        }
        services.append(shutdownDelay)
        var group = ServiceGroupConfiguration(
            services: services,
            gracefulShutdownSignals: [.sigterm, .sigint],
            logger: logger
        )
        group.maximumGracefulShutdownDuration = configuration.shutdownDelay + configuration.shutdownTimeout
        try await ServiceGroup(configuration: group).run()
    }

    /// Kubelets and load balancers send a few requests per second.
    private static let healthConnections = 64
}
