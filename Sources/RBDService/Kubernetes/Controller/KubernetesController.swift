// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

import Glibc
import Kubernetes
import Logging
import RBDAPI
import ServiceLifecycle
import Synchronization

/// Looks after static volumes all their life: one replica of several does the work, elected by a Lease.
///
/// A replica that is not the leader does nothing, and is as ready as the leader.
final class KubernetesController: Service {
    private struct State {
        var elector: LeaderElector?
        /// Nil while this replica is not the leader.
        var term: ControllerTerm?
    }

    private let configuration: ControllerConfiguration
    private let credentials: Credentials
    private let images: VolumeImages
    private let connection: ClusterConnection
    private let metrics: ControllerMetrics
    private let timeLimit: Duration
    private let logger: Logger
    private let state = Mutex(State())

    /// - Parameter timeLimit: how long the work on a volume may take.
    /// - Throws: `ConfigurationError` if there are no valid credentials for an API server.
    init(
        _ configuration: ControllerConfiguration,
        images: VolumeImages,
        connection: ClusterConnection,
        registry: PrometheusRegistry,
        timeLimit: Duration,
        logger: Logger
    ) throws(ConfigurationError) {
        credentials = try Self.credentials(configuration, logger: logger)
        (self.configuration, self.images, self.connection) = (configuration, images, connection)
        metrics = ControllerMetrics(registry: registry)
        (self.timeLimit, self.logger) = (timeLimit, logger)
    }

    private static func credentials(
        _ configuration: ControllerConfiguration,
        logger: Logger
    ) throws(ConfigurationError) -> Credentials {
        do throws(CredentialsError) {
            guard let path = configuration.kubeconfig else {
                return try Credentials.inCluster(environment: environment, logger: logger)
            }
            return try Credentials.kubeconfig(path: path, logger: logger)
        } catch {
            let setting = Settings.declared.kubernetesKubeconfig.name
            throw ConfigurationError("\(setting): the controller has no access to an API server: \(error.description)")
        }
    }

    func run() async throws {
        let client = KubernetesClient(credentials, program: "rbd-rest-api/\(programVersion)")
        let host = Self.host
        let elector = LeaderElector(
            client,
            lease: configuration.leaseName,
            in: configuration.leaseNamespace,
            identity: LeaderElector.uniqueIdentity(host: host),
            logger: logger
        )
        state.withLock { $0.elector = elector }
        await cancelWhenGracefulShutdown {
            await elector.run { await self.lead(client, elector, host: host) }
        }
        state.withLock { $0 = State() }
        await client.shutdown()
    }

    private func lead(_ client: KubernetesClient, _ elector: LeaderElector, host: String) async {
        let term = ControllerTerm(
            client,
            images: images,
            connection: connection,
            metrics: metrics,
            host: host,
            orphanPolicy: configuration.orphans,
            timeLimit: timeLimit,
            logger: logger,
            leaseUID: { elector.leaseUID },
            // The lease is lost, or about to be. The work is cancelled, and the next leader does it.
            requireLeadership: { if !elector.isLeader { throw CancellationError() } }
        )
        state.withLock { $0.term = term }
        await term.run()
        state.withLock { $0.term = nil }
    }

    /// The uid of the Lease by which the replicas elect their leader; nil as long as it was not read.
    var leaseUID: String? { state.withLock { $0.elector }?.leaseUID }

    var samples: [MetricSample] {
        let (elector, term) = state.withLock { ($0.elector, $0.term) }
        return [MetricSample(.controllerLeader, elector?.isLeader == true ? 1 : 0)] + (term?.samples ?? [])
    }

    /// The variables by which a pod finds its API server.
    private static var environment: [String: String] {
        var environment: [String: String] = [:]
        for name in ["KUBERNETES_SERVICE_HOST", "KUBERNETES_SERVICE_PORT"] {
            if let value = getenv(name) { environment[name] = String(cString: value) }
        }
        return environment
    }

    /// The name of the machine. In a pod, it is the name of the pod.
    private static var host: String {
        var name = [CChar](repeating: 0, count: 256)
        guard gethostname(&name, name.count - 1) == 0 else { return "unknown" }
        return String(decoding: name.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }
}
