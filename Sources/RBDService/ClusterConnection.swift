// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

import Ceph
import Logging
import ServiceLifecycle
import Synchronization

/// Keeps one connection to the cluster. The daemon starts without it, makes it when the cluster can be reached, and
/// looks at it now and then, so that /readyz answers at once from what was seen last.
final class ClusterConnection: Service {
    private enum State {
        case connecting(reason: String)
        case connected(Cluster, trouble: String?)
    }

    private let configuration: ClusterConfiguration
    private let calls: BlockingPool
    /// The probe's own threads: behind sixteen slow deletes it would take a busy service for a sick cluster.
    private let probes = BlockingPool(limits: .init(threads: 2, queue: 2))
    private let interval: Duration
    private let logger: Logger
    private let state = Mutex(State.connecting(reason: "the first connection to the cluster is being made"))

    init(configuration: ClusterConfiguration, calls: BlockingPool, interval: Duration, logger: Logger) {
        self.configuration = configuration
        self.calls = calls
        self.interval = interval
        self.logger = logger
    }

    /// The cluster to talk to.
    /// - Throws: `CephError` with `.clusterUnreachable` while there is no connection.
    func cluster() throws(CephError) -> Cluster {
        switch state.withLock({ $0 }) {
        case .connected(let cluster, _): return cluster
        case .connecting(let reason):
            throw CephError(.clusterUnreachable, .connect, on: .cluster, detail: reason)
        }
    }

    /// Why the service is not ready; nil where it is.
    var trouble: String? {
        switch state.withLock({ $0 }) {
        case .connected(_, let trouble): trouble
        case .connecting(let reason): reason
        }
    }

    func run() async throws {
        await cancelWhenGracefulShutdown {
            while !Task.isCancelled {
                await self.probe()
                try? await Task.sleep(for: self.interval)
            }
        }
        // Calls in progress hold the cluster themselves; with the last of them it closes.
        state.withLock { $0 = .connecting(reason: "the service is shutting down") }
        calls.shutdown()
        probes.shutdown()
    }

    /// Connects, or looks whether the connection still serves.
    private func probe() async {
        let connected: Cluster? = state.withLock { state in
            if case .connected(let cluster, _) = state { cluster } else { nil }
        }
        do {
            if let connected {
                let deadline = ContinuousClock.now + .seconds(configuration.timeouts.monitor)
                try await Deadline.$current.withValue(deadline) {
                    try await connected.ping(through: probes)
                }
                remember(connected, trouble: nil)
            } else {
                // librados bounds its own connecting; the second more is for what it does around it.
                let deadline = ContinuousClock.now + .seconds(configuration.timeouts.connect + 5)
                let cluster = try await Deadline.$current.withValue(deadline) {
                    try await Cluster.connect(configuration, calls: calls, through: probes)
                }
                logger.info(
                    "connected to the cluster",
                    metadata: [LogKeys.fsid: "\(cluster.fsid)", LogKeys.entity: "\(cluster.entity)"]
                )
                remember(cluster, trouble: nil)
            }
        } catch is CancellationError {
            return
        } catch let error as CephError {
            failed(connected, error)
        } catch {
            logger.error("unexpected error", metadata: [LogKeys.error: "\(String(reflecting: error))"])
        }
    }

    private func remember(_ cluster: Cluster, trouble: String?) {
        state.withLock { $0 = .connected(cluster, trouble: trouble) }
    }

    private func failed(_ connected: Cluster?, _ error: CephError) {
        let isNews = trouble != error.description
        if let connected, error.code != .clientBlocklisted {
            remember(connected, trouble: error.description)
        } else {
            // A client that was shut out stays out: only a new connection is let in again.
            state.withLock { $0 = .connecting(reason: error.description) }
        }
        if isNews {
            logger.warning("the cluster does not answer", metadata: [LogKeys.error: "\(error.debugDescription)"])
        }
    }
}
