// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

import Ceph
import FoundationEssentials
import Logging
import RBDAPI
import ServiceLifecycle
import Synchronization

/// Makes new pools ready for images, whichever replica has created them. Doing it twice does no harm, so there is no
/// lease: each replica waits for each new pool, and the first one records the end.
final class PoolCreations: Service {
    /// The progress of one operation.
    struct Progress: Sendable {
        var percent = 0.0
        /// What the operation is waiting for.
        var note: String?
    }

    private struct Running {
        var call = LongCall()
        var note: String?
        /// The end is shown at once. Recording it takes the monitors a second or two.
        var finishedAt: Date?
    }

    private struct Start: Sendable {
        var pool: String
        var mark: PoolCreationMark
        var id: Int64
    }

    private static let pauses = (shortest: Duration.milliseconds(500), longest: Duration.seconds(5))

    private let connection: ClusterConnection
    private let interval: Duration
    private let telemetry: OperationTelemetry
    private let logger: Logger
    /// How long a finished operation is shown.
    let retention: Duration
    /// A pool without OSDs blocks a thread until Ceph's own timeout.
    private static let threads = ThreadPurpose("creations", .init(threads: 8, queue: 1024, replacements: 8))
    private let starts = AsyncStream.makeStream(of: Start.self)
    /// By the operation's id.
    private let running = Mutex<[String: Running]>([:])
    /// The pools that have answered. They need not be made ready again.
    private let settled = Mutex<Set<Int64>>([])

    init(
        connection: ClusterConnection,
        limits: OperationLimits,
        retention: Duration,
        telemetry: OperationTelemetry,
        logger: Logger
    ) {
        self.connection = connection
        self.interval = limits.lease / 3
        self.retention = retention
        self.telemetry = telemetry
        self.logger = logger
    }

    // MARK: For requests

    /// Records that a new pool is to be made ready, and starts with it.
    func begin(_ pool: Ceph.Pool) async throws -> RBDAPI.Operation {
        let mark = PoolCreationMark(number: OperationStore.newNumber(), createdAt: Date())
        let id = try await pool.id()
        try await pool.setMark(PoolCreationMark.key, to: mark.text)
        let operation = mark.operation(onPool: pool.name, id: id, nil, retention: retention)
        AuditNotes.current?.add(operation)
        submit(Start(pool: pool.name, mark: mark, id: id))
        return operation
    }

    /// The operation that is making a pool ready, or has finished with that recently.
    func operation(onPool pool: Ceph.Pool) async throws -> RBDAPI.Operation? {
        let id = try await pool.id()
        guard var mark = try await newestMark(pool, id) else { return nil }
        let running = running.withLock { $0[mark.operationID(inPool: id)] }
        if let end = running?.finishedAt { mark.finish(at: end) }
        let progress = running.map { Progress(percent: $0.call.percent, note: $0.note) }
        return mark.operation(onPool: pool.name, id: id, progress, retention: retention)
    }

    /// Whether the pool is still being made ready. Then it would not answer any request. When it has answered, call
    /// ``settle(_:)``.
    func isMakingReady(_ pool: Ceph.Pool, _ id: Int64) async throws -> Bool {
        if isSettled(id) { return false }
        return try await newestMark(pool, id).map { !$0.isFinished } ?? false
    }

    /// Whether the pool has answered before.
    func isSettled(_ id: Int64) -> Bool { settled.withLock { $0.contains(id) } }

    /// Reads the record after refreshing the map: another replica may have written it after this one learned of the
    /// pool.
    private func newestMark(_ pool: Ceph.Pool, _ id: Int64) async throws -> PoolCreationMark? {
        let mark = try await PoolCreationMark.read(pool)
        if isSettled(id) { return mark }
        if let mark, running.withLock({ $0[mark.operationID(inPool: id)] != nil }) { return mark }
        try await pool.cluster.refreshMap()
        return try await PoolCreationMark.read(pool)
    }

    /// The pool has answered, so the monitors need not be asked about it again.
    func settle(_ id: Int64) {
        settled.withLock { _ = $0.insert(id) }
    }

    // MARK: The work

    func run() async throws {
        await withGracefulShutdownHandler {
            await withDiscardingTaskGroup { group in
                group.addTask { await self.scan() }
                for await start in starts.stream { group.addTask { await self.work(on: start) } }
                group.cancelAll()
            }
        } onGracefulShutdown: {
            self.running.withLock { running in running.values.forEach { $0.call.stop() } }
            self.starts.continuation.finish()
        }
    }

    private func submit(_ start: Start) {
        let id = start.mark.operationID(inPool: start.id)
        let isNew = running.withLock { running in
            guard running[id] == nil else { return false }
            running[id] = Running()
            return true
        }
        if isNew { starts.continuation.yield(start) }
    }

    /// Looks regularly for pools that other replicas have created, and for records that have expired.
    private func scan() async {
        await cancelWhenGracefulShutdown {
            while !Task.isCancelled {
                if let cluster = try? self.connection.cluster() {
                    // If the monitors do not answer, the last known map is used.
                    try? await cluster.refreshMap()
                    for name in (try? await cluster.knownPools()) ?? [] {
                        try? await self.look(at: cluster.pool(name))
                    }
                }
                try? await Task.sleep(for: self.interval)
            }
        }
    }

    private func look(at pool: Ceph.Pool) async throws {
        guard let mark = try await PoolCreationMark.read(pool) else { return }
        guard let expiry = mark.expiry(retention) else {
            return submit(Start(pool: pool.name, mark: mark, id: try await pool.id()))
        }
        if expiry < Date() { try await pool.setMark(PoolCreationMark.key, to: nil) }
    }

    private func work(on start: Start) async {
        let id = start.mark.operationID(inPool: start.id)
        telemetry.began()
        defer {
            telemetry.ended()
            running.withLock { $0[id] = nil }
        }
        var pause = Self.pauses.shortest
        while !Task.isCancelled {
            do {
                return try await makeReady(start)
            } catch let error as CephError where error.code == .poolNotFound || error.code == .stopped {
                return
            } catch {
                let note = Self.note(error)
                let isNews = running.withLock { running in
                    defer { running[id]?.note = note }
                    return running[id]?.note != note
                }
                if isNews {
                    logger.warning(
                        "a new pool is not ready yet",
                        metadata: [
                            LogKeys.operationID: "\(id)", LogKeys.pool: "\(start.pool)", LogKeys.error: "\(note)",
                        ]
                    )
                }
            }
            try? await Task.sleep(for: pause)
            pause = min(pause * 2, Self.pauses.longest)
        }
    }

    private static func note(_ error: any Error) -> String {
        switch error as? CephError {
        case let error? where error.code == .timedOut:
            "not all placement groups of the pool are active; ceph pg dump_stuck inactive shows which"
        case let error?: error.description
        case nil: "\(error)"
        }
    }

    private func makeReady(_ start: Start) async throws {
        let id = start.mark.operationID(inPool: start.id)
        guard let call = running.withLock({ $0[id]?.call }) else { return }
        let cluster = try connection.cluster()
        // The pool may have been renamed.
        let pool = try await cluster.pool(id: start.id)
        let groups = try await cluster.poolInfo(named: pool.name).pgNum
        let threads = cluster.threads(for: Self.threads)
        try await pool.waitForPlacementGroups(groups, call: call, on: threads)
        try await cluster.initializePool(named: pool.name, on: threads)
        // From now on, the pool can have images and operations, although its end is not recorded yet.
        settle(start.id)
        let end = running.withLock { running in
            // The pool may have been ready before, while the monitors were too busy to record it.
            let end = running[id]?.finishedAt ?? Date()
            running[id]?.finishedAt = end
            return end
        }
        try await cluster.refreshMap()
        // Another replica may have been faster.
        guard var mark = try await PoolCreationMark.read(pool), mark == start.mark else { return }
        mark.finish(at: end)
        try await pool.setMark(PoolCreationMark.key, to: mark.text)
        if let operation = try await operation(onPool: pool) { telemetry.finished(operation) }
    }
}
