// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

import Ceph
import FoundationEssentials
import Logging
import RBDAPI
import ServiceLifecycle
import Synchronization

/// Runs operations: those that this process was asked for, and those that other replicas left. The replica that claims
/// an operation first runs it.
actor OperationRunner: Service {
    /// Does the periodic maintenance of a pool.
    typealias Caretaker = @Sendable (Ceph.Pool, OperationRunner) async -> Void

    private let store: OperationStore
    private let limits: OperationLimits
    private let logger: Logger
    private let telemetry: OperationTelemetry
    private let caretaker: Caretaker
    private let work: OperationWork
    private let claims: Claims
    private let places: RequestPlaces
    private let starts = AsyncStream.makeStream(of: OperationQueue.Entry.self)
    private let ending = Flag()
    private var queue: OperationQueue
    /// When the queue is checked again, even if nothing else happens.
    private var looksAgain: ContinuousClock.Instant?
    /// The call of each running operation, by the operation's id.
    private var calls: [String: LongCall] = [:]

    init(
        store: OperationStore,
        claims: Claims,
        limits: OperationLimits,
        places: RequestPlaces,
        telemetry: OperationTelemetry,
        logger: Logger,
        caretaker: @escaping Caretaker
    ) {
        self.store = store
        self.claims = claims
        self.limits = limits
        self.places = places
        self.telemetry = telemetry
        self.logger = logger
        self.caretaker = caretaker
        queue = OperationQueue(perPool: limits.perPool)
        // A pool gets at most three quarters of the threads, so that two pools never block each other.
        let count = max(4, 4 * limits.perPool)
        let threads = ThreadPurpose("operations", .init(threads: count, queue: 4096, replacements: count))
        work = OperationWork(threads: threads, claims: claims, memory: limits.dataMemory) { spec, id in
            // The next scan of a replica begins it.
            _ = try await store.create(PurgeImage(force: true), on: spec, imageID: id)
        }
    }

    /// Runs an operation as soon as there is a place for it.
    func submit(_ record: OperationRecord) {
        queue.enqueue(
            .init(id: record.operation.id, owner: record.owner, pool: record.operation.pool),
            asked: .now
        )
        pump()
    }

    /// How many operations of a pool wait in this process.
    func backlog(of pool: String) -> Int { queue.backlog(of: pool) }

    func run() async throws {
        await withGracefulShutdownHandler {
            await withDiscardingTaskGroup { group in
                group.addTask { await self.scan() }
                for await start in starts.stream {
                    group.addTask { await self.work(on: start) }
                }
                end()
                group.cancelAll()
            }
        } onGracefulShutdown: {
            Task { await self.end() }
        }
    }

    /// Stops all operations of this process. Other replicas continue them.
    private func end() {
        ending.raise()
        for call in calls.values { call.stop() }
        starts.continuation.finish()
    }

    // MARK: The queue

    private func pump() {
        while !ending.isRaised, let entry = queue.next() {
            calls[entry.id] = LongCall()
            starts.continuation.yield(entry)
        }
        guard !ending.isRaised, let next = queue.nextLook(), looksAgain.map({ next < $0 }) ?? true else { return }
        looksAgain = next
        // Detached: any other task would hold the claim of the request that submits an operation, for as long as it
        // sleeps.
        Task.detached {
            try? await Task.sleep(until: next)
            await self.lookAgain()
        }
    }

    private func lookAgain() {
        looksAgain = nil
        pump()
    }

    private func work(on start: OperationQueue.Entry) async {
        defer {
            calls[start.id] = nil
            queue.ended(start.id)
            pump()
        }
        guard let call = calls[start.id] else { return }
        do {
            let session = try claims.session()
            let run = OperationRun(
                id: start.id,
                pool: session.cluster.pool(start.pool),
                store: store,
                work: work,
                claims: claims,
                session: session,
                call: call,
                isEnding: { [ending] in ending.isRaised }
            )
            telemetry.began()
            defer { telemetry.ended() }
            let end = try await withTaskCancellationHandler {
                try await Caller.$current.withValue(start.owner) {
                    try await places.occupied(by: start.owner) { try await run.run() }
                }
            } onCancel: {
                call.stop()
            }
            if case .finished(let record) = end { telemetry.finished(record.operation) }
        } catch {
            // The next scan, or another replica, tries it again.
            logger.warning(
                "an operation could not be continued",
                metadata: [LogKeys.operationID: "\(start.id)", LogKeys.error: "\(error)"]
            )
        }
    }

    // MARK: Looking for work

    /// Scans the pools periodically for operations that no replica works on.
    private func scan() async {
        await cancelWhenGracefulShutdown {
            while !Task.isCancelled {
                if let cluster = try? self.store.connection.cluster(),
                    let names = try? await cluster.knownPools()
                {
                    await withDiscardingTaskGroup { group in
                        for name in names where !cluster.breakers.isOpen(.pool(name)) {
                            group.addTask { await self.look(at: cluster.pool(name)) }
                        }
                    }
                }
                try? await Task.sleep(for: self.limits.lease / 3)
            }
        }
    }

    private func look(at pool: Ceph.Pool) async {
        // A pool whose placement groups are not active yet has no operations, and would not answer.
        guard let id = try? await pool.id(), (try? await store.creations.isMakingReady(pool, id)) == false else {
            return
        }
        let records = Records(of: pool)
        // A pool that can't be read is tried again at the next scan.
        guard let open = try? await OperationStore.open(in: records) else { return }
        store.creations.settle(id)
        if !open.isEmpty, let claimed = try? await OperationStore.claimed(in: records) {
            for entry in open where !claimed.contains(entry.id) {
                queue.enqueue(.init(id: entry.id, owner: entry.owner, pool: pool.name))
            }
        }
        pump()
        await caretaker(pool, self)
        try? await OperationStore.forgetFinished(in: records)
    }
}
