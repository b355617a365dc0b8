// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

import Ceph
import FoundationEssentials
import Logging
import RBDAPI
import ServiceLifecycle
import Synchronization

/// Sees new pools through until they are ready for images: those that this process was asked for, and those that others
/// were. To do it twice does no harm, so that there is no lease: each replica waits for each new pool, and whichever is
/// first writes the end down.
final class PoolCreations: Service {
    /// How far one is.
    struct Progress: Sendable {
        var percent = 0.0
        /// What it waits for.
        var note: String?
    }

    private struct Running {
        var call = LongCall()
        var note: String?
        /// Told at once; to write it down takes the monitors a second or two.
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
    /// For how long a finished one is told of.
    let retention: Duration
    /// A pool without OSDs keeps a thread for as long as Ceph's own timeout is.
    private static let threads = ThreadPurpose("creations", .init(threads: 8, queue: 1024, replacements: 8))
    private let starts = AsyncStream.makeStream(of: Start.self)
    /// By the operation's id.
    private let running = Mutex<[String: Running]>([:])
    /// The pools that were found to serve; they will not be made again.
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

    /// Writes down that a pool that was just made is to be made ready, and begins with it.
    func begin(_ pool: Ceph.Pool) async throws -> RBDAPI.Operation {
        let mark = PoolCreationMark(number: OperationStore.newNumber(), createdAt: Date())
        let id = try await pool.id()
        try await pool.setMark(PoolCreationMark.key, to: mark.text)
        let operation = mark.operation(onPool: pool.name, id: id, nil, retention: retention)
        AuditNotes.current?.add(operation)
        submit(Start(pool: pool.name, mark: mark, id: id))
        return operation
    }

    /// The operation that makes a pool ready, or has made it ready a while ago.
    func operation(onPool pool: Ceph.Pool) async throws -> RBDAPI.Operation? {
        let id = try await pool.id()
        guard var mark = try await newestMark(pool, id) else { return nil }
        let running = running.withLock { $0[mark.operationID(inPool: id)] }
        if let end = running?.finishedAt { mark.finish(at: end) }
        let progress = running.map { Progress(percent: $0.call.percent, note: $0.note) }
        return mark.operation(onPool: pool.name, id: id, progress, retention: retention)
    }

    /// A pool that is not ready must not be asked for anything: it would not answer. Tell of its first answer with
    /// ``settle(_:)``.
    func isMakingReady(_ pool: Ceph.Pool, _ id: Int64) async throws -> Bool {
        if isSettled(id) { return false }
        return try await newestMark(pool, id).map { !$0.isFinished } ?? false
    }

    /// Whether the pool has answered before.
    func isSettled(_ id: Int64) -> Bool { settled.withLock { $0.contains(id) } }

    /// Another replica may have written it since this one heard of the pool.
    private func newestMark(_ pool: Ceph.Pool, _ id: Int64) async throws -> PoolCreationMark? {
        let mark = try await PoolCreationMark.read(pool)
        if isSettled(id) { return mark }
        if let mark, running.withLock({ $0[mark.operationID(inPool: id)] != nil }) { return mark }
        try await pool.cluster.refreshMap()
        return try await PoolCreationMark.read(pool)
    }

    /// The pool has answered: there is no need to ask the monitors again whether it can.
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

    /// Looks again and again for pools that somebody else has begun, and for what need not be known any more.
    private func scan() async {
        await cancelWhenGracefulShutdown {
            while !Task.isCancelled {
                if let cluster = try? self.connection.cluster() {
                    // Where the monitors are silent, what is known is looked at.
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
        // It may have another name by now.
        let pool = try await cluster.pool(id: start.id)
        let groups = try await cluster.poolInfo(named: pool.name).pgNum
        let threads = cluster.threads(for: Self.threads)
        try await pool.waitForPlacementGroups(groups, call: call, on: threads)
        try await cluster.initializePool(named: pool.name, on: threads)
        let end = running.withLock { running in
            // It may have been ready before, and the monitors too busy to take that down.
            let end = running[id]?.finishedAt ?? Date()
            running[id]?.finishedAt = end
            return end
        }
        try await cluster.refreshMap()
        // Another replica may have been first.
        guard var mark = try await PoolCreationMark.read(pool), mark == start.mark else { return }
        mark.finish(at: end)
        try await pool.setMark(PoolCreationMark.key, to: mark.text)
        if let operation = try await operation(onPool: pool) { telemetry.finished(operation) }
    }
}
