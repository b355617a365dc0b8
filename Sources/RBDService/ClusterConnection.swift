// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

import Ceph
import Logging
import ServiceLifecycle
import Synchronization

/// Keeps one connection to the cluster. The daemon starts without it, and connects when the cluster can be reached. It
/// checks the connection regularly, so that /readyz answers at once with the last result.
///
/// The connection is replaced if the cluster has blocklisted it, if its configuration files have changed, or if the
/// monitors have not answered for a while: they may have moved. Calls in flight end on the old connection, which closes
/// with the last of them.
final class ClusterConnection: Service, CallObserver {
    private struct Connection {
        var cluster: Cluster
        /// Why the connection does not work; nil if it does.
        var trouble: String?
        /// The number of checks in a row that the monitors did not answer.
        var failedChecks = 0
        /// Whether a check hung longer than librados' own timeouts.
        var isStuck = false
        /// Why a second connection could not be made.
        var reconnectFailure: String?
    }

    private enum State {
        /// - Parameter cause: the error of the last attempt.
        case connecting(reason: String, cause: CephError.Code? = nil)
        case connected(Connection)
    }

    /// How many checks in a row must fail before a second connection is tried.
    private static let patience = 3
    /// How long to wait before the next attempt to connect.
    private static let retryInterval = Duration.seconds(1)
    private static let breakerInterval = Duration.milliseconds(200)

    private let configuration: ClusterConfiguration
    private let limits: BlockingPool.Limits
    /// Probes have their own threads. Behind sixteen slow deletes, they would take a busy service for a failing
    /// cluster.
    private static let probes = ThreadPurpose("probes", .init(threads: 32, queue: 256, replacements: 32))
    private let connecting = BlockingPool(limits: .init(threads: 2, queue: 16, replacements: 14))
    /// All connections in use, including the current one.
    private let clusters = Mutex<[WeakCluster]>([])
    private let interval: Duration
    private let logger: Logger
    private let state = Mutex(State.connecting(reason: "the first connection to the cluster is being made"))
    private let connections = Atomic(0)
    /// The pool that was used last. The checks probe it.
    private let lastPool = Mutex<String?>(nil)
    private let looks = AsyncStream.makeStream(of: Void.self, bufferingPolicy: .bufferingNewest(1))
    private let observer: (any CallObserver)?

    let breakers: Breakers

    /// - Parameters:
    /// - limits: of the threads for each connection's calls.
    /// - interval: the time between checks.
    ///   - patience: see ``Breakers``.
    init(
        configuration: ClusterConfiguration,
        limits: BlockingPool.Limits,
        interval: Duration,
        patience: Duration = .zero,
        logger: Logger,
        observer: (any CallObserver)? = nil
    ) {
        breakers = Breakers(patience: patience)
        self.configuration = configuration
        self.limits = limits
        self.interval = interval
        self.logger = logger
        self.observer = observer
    }

    /// The current connection.
    /// - Throws: `CephError` with `.clusterUnreachable` while there is no connection.
    func cluster() throws(CephError) -> Cluster {
        switch state.withLock({ $0 }) {
        case .connected(let connection): return connection.cluster
        case .connecting(let reason, let cause):
            var error = CephError(.clusterUnreachable, .connect, on: .cluster, detail: reason)
            error.cause = cause
            throw error
        }
    }

    /// Why there is no connection; nil if there is one, or if the cause is not known.
    var cause: CephError? {
        guard case .connecting(_, let cause?) = state.withLock({ $0 }) else { return nil }
        return CephError(cause, .connect, on: .cluster)
    }

    /// Why the service is not ready; nil if it is.
    var trouble: String? {
        switch state.withLock({ $0 }) {
        case .connected(let connection): connection.trouble ?? shortage(connection.cluster)
        case .connecting(let reason, _): reason
        }
    }

    /// If all threads hang, the service is not ready, even if the cluster is.
    private func shortage(_ cluster: Cluster) -> String? {
        let stuck = cluster.calls.snapshot.abandoned
        guard stuck >= limits.threads + limits.replacements else { return nil }
        return "all \(stuck) threads hang in calls to the cluster that their callers have abandoned"
    }

    /// The threads for calls to the cluster, of all connections together.
    var callThreads: BlockingPool.Snapshot {
        clusters.withLock { clusters in
            clusters.removeAll { $0.cluster == nil }
            return clusters.compactMap(\.cluster?.calls.snapshot).reduce(.none, +)
        }
    }

    /// How many connections have been made.
    var generation: Int { connections.load(ordering: .relaxed) }

    func callEnded(_ call: CallRecord) {
        if let error = call.error {
            // At once, not at the next interval: all calls get this error until there is a new connection.
            if error.code == .clientBlocklisted { looks.continuation.yield() }
        } else if let pool = call.resource.pool {
            lastPool.withLock { $0 = pool }
        }
        observer?.callEnded(call)
    }

    func run() async throws {
        await cancelWhenGracefulShutdown {
            await withDiscardingTaskGroup { group in
                group.addTask { await self.tick() }
                group.addTask { await self.keepConnected() }
                group.addTask { await self.tendBreakers() }
            }
        }
        // Calls in progress hold the cluster. It closes with the last of them.
        let last = state.withLock { state in
            defer { state = .connecting(reason: "the service is shutting down") }
            return state
        }
        if case .connected(let connection) = last { connection.cluster.endCalls() }
        connecting.shutdown()
    }

    private func keepConnected() async {
        for await _ in looks.stream { await look() }
    }

    /// Starts a check regularly. A blocklisted call starts one at once.
    private func tick() async {
        while !Task.isCancelled {
            looks.continuation.yield()
            let isConnected = (try? cluster()) != nil
            try? await Task.sleep(for: isConnected ? interval : Self.retryInterval)
        }
    }

    /// Probes the monitors and pools whose breakers are open, with one probe per breaker at a time.
    private func tendBreakers() async {
        await withDiscardingTaskGroup { group in
            var open: Set<CallScope> = []
            var stuck = 0
            while !Task.isCancelled {
                if let cluster = try? cluster() {
                    for probe in breakers.takeDueProbes() {
                        group.addTask { await cluster.run(probe, through: cluster.threads(for: Self.probes)) }
                    }
                }
                let nowOpen = Set(breakers.snapshot.filter { $0.state != .closed }.map(\.scope))
                for scope in nowOpen.subtracting(open) {
                    logger.warning(
                        "Ceph does not answer; calls are refused until it does",
                        metadata: [LogKeys.scope: "\(scope)"]
                    )
                }
                for scope in open.subtracting(nowOpen) {
                    logger.info("Ceph answers again", metadata: [LogKeys.scope: "\(scope)"])
                }
                open = nowOpen
                stuck = report(stuck: callThreads.abandoned, before: stuck)
                try? await Task.sleep(for: Self.breakerInterval)
            }
            // A probe that gets no answer must not delay the shutdown.
            group.cancelAll()
        }
    }

    /// Logs hanging threads once, again when their number has doubled, and when none hangs any more.
    /// - Returns: the number that was logged last.
    func report(stuck: Int, before: Int) -> Int {
        guard stuck >= max(1, 2 * before) || (stuck == 0 && before > 0) else { return before }
        if stuck > 0 {
            logger.warning(
                "threads hang in calls that their callers have abandoned",
                metadata: [LogKeys.threads: .stringConvertible(stuck)]
            )
        } else {
            logger.info("no threads hang any more")
        }
        return stuck
    }

    // MARK: Checks

    /// Checks the connection, or makes one.
    private func look() async {
        guard case .connected(var connection) = state.withLock({ $0 }) else { return await connect(instead: nil) }
        do {
            try await check(connection.cluster)
            connection.trouble = nil
            (connection.failedChecks, connection.isStuck) = (0, false)
        } catch is CancellationError {
            return
        } catch {
            let trouble = (error as? CephError)?.description ?? "\(error)"
            if connection.trouble != trouble {
                logger.warning("the cluster does not answer", metadata: [LogKeys.error: "\(Self.described(error))"])
            }
            connection.trouble = trouble
            connection.failedChecks += 1
            connection.isStuck = (error as? CephError).map(Self.isStuck) ?? false
        }
        if connection.cluster.isShutOut {
            logger.warning("the cluster has blocklisted this client; reconnecting")
            connection.cluster.retire()
            state.withLock { $0 = .connecting(reason: "the cluster has blocklisted the service; it is reconnecting") }
            return await connect(instead: nil)
        }
        state.withLock { $0 = .connected(connection) }
        if connection.isStuck || connection.failedChecks >= Self.patience || connection.cluster.hasChangedFiles {
            await connect(instead: connection)
        }
    }

    /// Whether a call did not return at all. If only the cluster is silent, librados' own timeouts end the call much
    /// earlier.
    private static func isStuck(_ error: CephError) -> Bool {
        error.code == .timedOut && error.errno == nil
    }

    /// - Throws: `CephError` if the connection does not work.
    private func check(_ cluster: Cluster) async throws {
        let deadline = ContinuousClock.now + .seconds(2 * configuration.timeouts.monitor)
        let probes = cluster.threads(for: Self.probes)
        try await Deadline.$current.withValue(deadline) {
            if cluster.isShutOut { throw CephError(.clientBlocklisted, .readStatus, on: .cluster) }
            // Only OSDs tell a client that it is blocklisted. Failing pools are left to their breakers.
            if let pool = lastPool.withLock({ $0 }), !breakers.isOpen(.pool(pool)) {
                async let probe: Void? = try? cluster.probe(pool: pool, through: probes)
                try await cluster.probeMonitors(through: probes)
                await probe
            } else {
                try await cluster.probeMonitors(through: probes)
            }
        }
    }

    /// - Parameter old: stays in use until there is a new connection.
    private func connect(instead old: Connection?) async {
        // librados limits its own connecting. The extra seconds are for the work around it.
        let deadline = ContinuousClock.now + .seconds(configuration.timeouts.connect + 5)
        do {
            let cluster = try await Deadline.$current.withValue(deadline) {
                try await Cluster.connect(
                    configuration,
                    limits: limits,
                    breakers: breakers,
                    observer: self,
                    through: connecting
                )
            }
            old?.cluster.retire()
            state.withLock { $0 = .connected(Connection(cluster: cluster)) }
            clusters.withLock { $0.append(WeakCluster(cluster: cluster)) }
            connections.add(1, ordering: .relaxed)
            breakers.forgetProbes()
            logger.info(
                old == nil ? "connected to the cluster" : "reconnected to the cluster",
                metadata: [LogKeys.fsid: "\(cluster.fsid)", LogKeys.entity: "\(cluster.entity)"]
            )
            await compareReleases(cluster)
        } catch is CancellationError {
            return
        } catch {
            let reason = (error as? CephError)?.description ?? "\(error)"
            if var old {
                if old.reconnectFailure != reason {
                    logger.warning(
                        "a second connection could not be made; the first one stays in use",
                        metadata: [LogKeys.error: "\(Self.described(error))"]
                    )
                }
                old.reconnectFailure = reason
                state.withLock { $0 = .connected(old) }
                return
            }
            if trouble != reason {
                logger.warning("the cluster does not answer", metadata: [LogKeys.error: "\(Self.described(error))"])
            }
            state.withLock { $0 = .connecting(reason: reason, cause: (error as? CephError)?.code) }
        }
    }

    /// Warns once per connection if librados is older than the cluster. That works, except for newer features.
    private func compareReleases(_ cluster: Cluster) async {
        let deadline = ContinuousClock.now + .seconds(configuration.timeouts.monitor)
        let release = try? await Deadline.$current.withValue(deadline) { try await cluster.release() }
        guard let theirs = release, let ours = Release(Cluster.libradosVersion),
            ours.major < theirs.major
        else { return }
        logger.warning(
            "librados is older than the cluster: images with newer features can't be opened, and keys of a newer type can't be used",
            metadata: [LogKeys.librados: "\(ours)", LogKeys.release: "\(theirs)"]
        )
    }

    private static func described(_ error: any Error) -> String {
        (error as? CephError)?.debugDescription ?? String(reflecting: error)
    }
}

/// Does not keep a connection open: it closes with the last call that uses it.
private struct WeakCluster {
    weak var cluster: Cluster?
}
