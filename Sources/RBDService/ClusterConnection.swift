// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

import Ceph
import Logging
import ServiceLifecycle
import Synchronization

/// Keeps one connection to the cluster. The daemon starts without it, makes it when the cluster can be reached, and
/// looks at it now and then, so that /readyz answers at once from what was seen last.
///
/// A connection is replaced by a new one when the cluster has shut it out, when the files that it was made from have
/// changed, and when the monitors have not answered for a while: they may have moved. What is in flight ends on the old
/// one, which closes with the last of it.
final class ClusterConnection: Service, CallObserver {
    private struct Connection {
        var cluster: Cluster
        /// Why it does not serve; nil where it does.
        var trouble: String?
        /// Looks in a row that found the monitors silent.
        var silences = 0
        /// Whether not even librados' own timeouts came.
        var isStuck = false
        /// Why there is no second connection beside it, where one was wanted.
        var complaint: String?
    }

    private enum State {
        /// - Parameter cause: what the last attempt failed with.
        case connecting(reason: String, cause: CephError.Code? = nil)
        case connected(Connection)
    }

    /// So many looks in a row must fail before a second connection is tried beside the first.
    private static let patience = 3
    /// How long to wait before the next attempt to connect.
    private static let retryInterval = Duration.seconds(1)
    private static let breakerInterval = Duration.milliseconds(200)

    private let configuration: ClusterConfiguration
    private let limits: BlockingPool.Limits
    /// Behind sixteen slow deletes the probes would take a busy service for a sick cluster.
    private static let probes = ThreadPurpose("probes", .init(threads: 32, queue: 256, replacements: 32))
    private let connecting = BlockingPool(limits: .init(threads: 2, queue: 16, replacements: 14))
    /// The connections that are in use still, the present one among them.
    private let clusters = Mutex<[WeakCluster]>([])
    private let interval: Duration
    private let logger: Logger
    private let state = Mutex(State.connecting(reason: "the first connection to the cluster is being made"))
    private let connections = Atomic(0)
    /// The pool that was used last, to be looked at when nobody asks.
    private let lastPool = Mutex<String?>(nil)
    private let looks = AsyncStream.makeStream(of: Void.self, bufferingPolicy: .bufferingNewest(1))
    private let observer: (any CallObserver)?

    let breakers: Breakers

    /// - Parameters:
    ///   - limits: of the threads on which each connection's calls are made.
    ///   - interval: how often the cluster is looked at.
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

    /// The cluster to talk to.
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

    /// Why the service is not ready; nil where it is.
    var trouble: String? {
        switch state.withLock({ $0 }) {
        case .connected(let connection): connection.trouble ?? shortage(connection.cluster)
        case .connecting(let reason, _): reason
        }
    }

    /// Without threads nothing can be asked, however well the cluster is.
    private func shortage(_ cluster: Cluster) -> String? {
        let stuck = cluster.calls.snapshot.abandoned
        guard stuck >= limits.threads + limits.replacements else { return nil }
        return "all \(stuck) threads hang in calls to the cluster whose callers were let go"
    }

    /// The threads for calls to the cluster, of all connections.
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
            // Not at the next look: everybody gets this error until there is a new connection.
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
        // Calls in progress hold the cluster themselves; with the last of them it closes.
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

    /// Asks for a look now and then; a call that was shut out asks for one at once.
    private func tick() async {
        while !Task.isCancelled {
            looks.continuation.yield()
            let isConnected = (try? cluster()) != nil
            try? await Task.sleep(for: isConnected ? interval : Self.retryInterval)
        }
    }

    /// Probes what does not answer, one probe for each breaker at a time.
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
                        "no answer; calls are refused until there is one",
                        metadata: [LogKeys.scope: "\(scope)"]
                    )
                }
                for scope in open.subtracting(nowOpen) {
                    logger.info("there are answers again", metadata: [LogKeys.scope: "\(scope)"])
                }
                open = nowOpen
                stuck = report(stuck: callThreads.abandoned, before: stuck)
                try? await Task.sleep(for: Self.breakerInterval)
            }
            // A probe of a cluster that does not answer must not hold up the end.
            group.cancelAll()
        }
    }

    /// Says that threads hang, once, again when twice as many do, and when all have come back.
    /// - Returns: how many were told.
    func report(stuck: Int, before: Int) -> Int {
        guard stuck >= max(1, 2 * before) || (stuck == 0 && before > 0) else { return before }
        if stuck > 0 {
            logger.warning(
                "threads hang in calls whose callers were let go",
                metadata: [LogKeys.threads: .stringConvertible(stuck)]
            )
        } else {
            logger.info("no thread hangs any more")
        }
        return stuck
    }

    // MARK: Looking

    /// Looks at the connection, or makes one.
    private func look() async {
        guard case .connected(var connection) = state.withLock({ $0 }) else { return await connect(instead: nil) }
        do {
            try await check(connection.cluster)
            connection.trouble = nil
            (connection.silences, connection.isStuck) = (0, false)
        } catch is CancellationError {
            return
        } catch {
            let trouble = (error as? CephError)?.description ?? "\(error)"
            if connection.trouble != trouble {
                logger.warning("the cluster does not answer", metadata: [LogKeys.error: "\(Self.described(error))"])
            }
            connection.trouble = trouble
            connection.silences += 1
            connection.isStuck = (error as? CephError).map(Self.isStuck) ?? false
        }
        if connection.cluster.isShutOut {
            logger.warning("the cluster has shut this client out; connecting anew")
            connection.cluster.retire()
            state.withLock { $0 = .connecting(reason: "the cluster has shut the service out; it is connecting anew") }
            return await connect(instead: nil)
        }
        state.withLock { $0 = .connected(connection) }
        if connection.isStuck || connection.silences >= Self.patience || connection.cluster.hasChangedFiles {
            await connect(instead: connection)
        }
    }

    /// Whether a call did not come back at all: where only the cluster is silent, librados gives up by itself, long before.
    private static func isStuck(_ error: CephError) -> Bool {
        error.code == .timedOut && error.errno == nil
    }

    /// - Throws: `CephError`, where the connection does not serve.
    private func check(_ cluster: Cluster) async throws {
        let deadline = ContinuousClock.now + .seconds(2 * configuration.timeouts.monitor)
        let probes = cluster.threads(for: Self.probes)
        try await Deadline.$current.withValue(deadline) {
            if cluster.isShutOut { throw CephError(.clientBlocklisted, .readStatus, on: .cluster) }
            // Only an OSD tells a client that it is shut out. A pool that is sick is its breaker's matter.
            if let pool = lastPool.withLock({ $0 }), !breakers.isOpen(.pool(pool)) {
                async let probe: Void? = try? cluster.probe(pool: pool, through: probes)
                try await cluster.probeMonitors(through: probes)
                await probe
            } else {
                try await cluster.probeMonitors(through: probes)
            }
        }
    }

    /// - Parameter old: serves until there is a new one.
    private func connect(instead old: Connection?) async {
        // librados bounds its own connecting; the seconds more are for what it does around it.
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
                old == nil ? "connected to the cluster" : "connected to the cluster anew",
                metadata: [LogKeys.fsid: "\(cluster.fsid)", LogKeys.entity: "\(cluster.entity)"]
            )
            await compareReleases(cluster)
        } catch is CancellationError {
            return
        } catch {
            let reason = (error as? CephError)?.description ?? "\(error)"
            if var old {
                if old.complaint != reason {
                    logger.warning(
                        "a second connection could not be made; the first one stays",
                        metadata: [LogKeys.error: "\(Self.described(error))"]
                    )
                }
                old.complaint = reason
                state.withLock { $0 = .connected(old) }
                return
            }
            if trouble != reason {
                logger.warning("the cluster does not answer", metadata: [LogKeys.error: "\(Self.described(error))"])
            }
            state.withLock { $0 = .connecting(reason: reason, cause: (error as? CephError)?.code) }
        }
    }

    /// Says once for each connection that its librados is older than the cluster. That works, but for what is newer.
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

/// A connection that closes with the last call that uses it.
private struct WeakCluster {
    weak var cluster: Cluster?
}
