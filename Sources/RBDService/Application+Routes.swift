// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

import HTTPTypes
import Hummingbird

/// What the service answers on each of its ports.
extension RBDService {
    private var volumes: VolumeService { VolumeService(rules: configuration.volumes, images: images) }

    var endpoints: [Endpoint] {
        let access = images.images
        let trash = TrashService(images: access, operations: operations, keeper: keeper, repair: repair)
        let work = ImageWorkService(images: access, operations: operations)
        let groups = GroupController(
            groups: GroupService(images: access, operations: operations.store),
            snapshots: GroupSnapshotService(images: access, operations: operations)
        )
        let pools = PoolService(connection: connection, creations: creations, operations: operations)
        let clients = ImageClientService(images: access, operations: operations.store)
        return ClusterController(connection: connection, shutdownDelay: shutdownDelay).endpoints
            + MetricsController(telemetry: telemetry).endpoints
            + PoolController(service: pools).endpoints
            + ImageController(service: images, work: work, trashDelay: configuration.trashDelay).endpoints
            + ImageWorkController(service: work).endpoints
            + TrashController(service: trash).endpoints
            + OperationController(service: operations).endpoints
            + ImageClientController(service: clients).endpoints
            + groups.endpoints
            + NamespaceController(service: NamespaceService(connection: connection)).endpoints
            + SnapshotController(service: SnapshotService(images: access, work: work)).endpoints
            + VolumeController(service: volumes).endpoints
            + AdoptionController(service: AdoptionService(rules: configuration.volumes, images: access)).endpoints
    }

    /// The endpoints of the webhook's own port.
    var webhookEndpoints: [Endpoint] {
        var service = volumes
        service.isQuiet = configuration.kubernetesQuiet
        return AdmissionController(
            service: service,
            timeout: configuration.requestTimeout,
            metrics: ReviewMetrics(registry: telemetry.registry),
            leaseUID: { [controller] in controller?.leaseUID }
        ).endpoints
    }

    func buildRouter() -> Router<ServiceRequestContext> {
        var endpoints = endpoints
        let answers = AnswerBudget(budget: answerMemory)
        for index in endpoints.indices where endpoints[index].method == .get {
            endpoints[index].handler = answers.bounding(endpoints[index].handler)
        }
        return router(endpoints, origins: configuration.origins, timeout: configuration.requestTimeout, behind: gate)
    }

    /// This port has no authentication but TLS: the API server's certificate.
    func buildWebhookRouter() -> Router<ServiceRequestContext> {
        router(webhookEndpoints, origins: [], timeout: nil, behind: nil)
    }

    /// The probes, which need no authentication.
    func buildHealthRouter() -> Router<ServiceRequestContext> {
        let probes = ClusterController(connection: connection, shutdownDelay: shutdownDelay).probes
        return router(probes, origins: [], timeout: nil, behind: nil)
    }

    /// A router with the middleware that all requests pass.
    /// - Parameters:
    ///   - timeout: how long a request may take, unless its own header says less; nil for endpoints that do not call
    ///     the cluster.
    ///   - gate: nil to admit every request.
    private func router(
        _ endpoints: [Endpoint],
        origins: Set<String>,
        timeout: Duration?,
        behind gate: AccessGate?
    ) -> Router<ServiceRequestContext> {
        let router = Router(context: ServiceRequestContext.self, options: [.autoGenerateHeadEndpoints])
        let table = EndpointTable(endpoints)
        // The builder makes one type of all of them. Added one by one, each would be called through closures, and a
        // short request would cost twice as much.
        router.addMiddleware {
            TurnMiddleware()
            RequestIDMiddleware()
            if !origins.isEmpty { OriginMiddleware(origins: origins) }
            TelemetryMiddleware(metrics: telemetry.requests)
            AuditMiddleware(log: audit, endpoints: table)
            CompressionMiddleware()
            ProblemMiddleware(endpoints: table)
            if let timeout { DeadlineMiddleware(timeout: timeout) }
        }
        for endpoint in endpoints {
            let limits = Call.Limits(
                bodyBytes: endpoint.bodyLimit ?? configuration.maximumBodyBytes,
                pageItems: configuration.largestPage
            )
            let gate = endpoint.rule.verb == nil ? nil : gate
            router.on(RouterPath(endpoint.path), method: endpoint.method) {
                (request: Request, context: ServiceRequestContext) async throws -> Response in
                guard let gate else { return try await endpoint.answer(try Call(request, context, limits)) }
                return try await gate.enter(endpoint, request, context, limits)
            }
        }
        return router
    }
}
