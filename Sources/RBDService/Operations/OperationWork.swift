// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

import Ceph
import Naming
import RBDAPI

/// The work of each kind of operation. It can be repeated after it was interrupted at any point.
struct OperationWork: Sendable {
    /// The threads for the long calls. The short calls of operations run there too: no caller waits for them, and they must
    /// not take threads from calls that callers wait for.
    let threads: ThreadPurpose
    let claims: Claims
    /// The memory for work that moves data through this process.
    let memory: MemoryBudget
    /// Begins the purge of an image in the trash.
    let purge: @Sendable (_ spec: ImageSpec, _ id: String) async throws -> Void

    /// The input of the work.
    struct Job: Sendable {
        var record: OperationRecord
        var cluster: Cluster
        var call: LongCall

        var pool: Ceph.Pool { cluster.pool(record.place) }
        var parameters: OperationRecord.Parameters { record.parameters }
        var image: String { record.operation.image }
        var imageID: String { record.operation.imageID }
        /// Whether an earlier attempt, by this process or another, may have done a part of the work.
        var isRepeated: Bool
        /// Unwraps a parameter that the work needs. An operation whose record lacks it must not count as done.
        /// - Throws: `Problem` with `internal-error`.
        func required<Value>(_ value: Value?, _ name: String) throws(Problem) -> Value {
            if let value { return value }
            throw Problem(
                .internalError,
                detail: "the record of operation \(record.operation.id) (\(record.operation.kind)) lacks its \(name)",
                hint: "repeat the request that began it"
            )
        }

        /// Saves changed parameters, so that the process that takes over knows them.
        var save: @Sendable (OperationRecord.Parameters) async throws -> Void
    }

    func threads(_ job: Job) -> BlockingPool { job.cluster.threads(for: threads) }

    /// The memory that one copy or flatten takes, including what librados and librbd add to the data in flight.
    private static let dataBytes = 64 << 20
    private static let pause = Duration.milliseconds(200)

    /// Does the work.
    /// - Throws: `CephError`; `Problem` if the work has found the reason itself.
    func perform(_ kind: OperationKind, _ job: Job) async throws {
        guard kind.movesData else { return try await perform(kind, sharing: job) }
        while true {
            if let share = memory.take(Self.dataBytes, for: Caller.current) {
                defer { withExtendedLifetime(share) {} }
                return try await perform(kind, sharing: job)
            }
            try job.call.requireGoing(.copyImage, on: job.pool.resource(ofImage: job.image))
            try await Task.sleep(for: Self.pause)
        }
    }

    private func perform(_ kind: OperationKind, sharing job: Job) async throws {
        switch kind {
        case .purgeImage: try await purge(job)
        case .flattenImage:
            do {
                try await job.pool.flattenImage(named: job.image, id: job.imageID, call: job.call, on: threads(job))
            } catch let error as CephError where error.code == .imageHasNoParent && job.isRepeated {
                // The previous attempt finished, but died before it recorded that.
            }
        case .sparsifyImage:
            try await job.pool.sparsifyImage(
                named: job.image,
                id: job.imageID,
                blockBytes: job.parameters.blockBytes ?? 4096,
                call: job.call,
                on: threads(job)
            )
        case .rebuildObjectMap:
            try await job.pool.rebuildObjectMap(ofImage: job.image, id: job.imageID, call: job.call, on: threads(job))
        case .rollBackImage: try await rollBack(job)
        case .shrinkImage: try await shrink(job)
        case .rollBackGroup: try await rollBackGroup(job)
        case .copyImage: try await copy(job)
        // Creating a pool has no record in any pool: see PoolCreations.
        case .createPool: return
        }
    }

    /// The problem for an error that ends the work.
    func problem(_ error: CephError, _ kind: OperationKind, _ job: Job) async -> Problem {
        var problem = Problem(error)
        switch error.code {
        case .imageBusy where kind == .rollBackGroup: problem = (try? await holders(job)) ?? problem
        case .imageBusy:
            let spec = job.record.operation.spec
            if let use = try? await job.pool.use(ofImageID: job.imageID), let detailed = Problem(changing: spec, use) {
                problem = detailed
                problem.errno = error.errno
            }
        case .poolFull: problem = await PoolFullness(job.pool).problem(error) ?? problem
        default: break
        }
        if job.record.operation.attempts > 1 || job.call.fraction > 0 {
            switch kind {
            case .rollBackImage: problem.detail += "; part of the image may be rolled back: repeat the rollback"
            case .rollBackGroup: problem.detail += "; some of the images may be rolled back: repeat the rollback"
            case .shrinkImage: problem.detail += "; some data beyond the new size may be gone: repeat the shrink"
            default: break
            }
        }
        return problem
    }

    /// Whether only replicas of this service have the image open or locked.
    func isHeldByReplicas(_ job: Job) async -> Bool {
        guard let use = try? await job.pool.use(ofImageID: job.imageID),
            let replicas = try? await claims.replicas(in: job.pool.name, job.cluster)
        else { return false }
        let holders = Set(use.watchers.map(\.address) + use.locks.map(\.address))
        return !holders.isEmpty && holders.isSubset(of: replicas)
    }

    /// Rolls the image back. A repeated attempt begins with the first object. Objects that are rolled back already stay so.
    private func rollBack(_ job: Job) async throws {
        let snapshot = try job.required(job.parameters.snapshot, "snapshot")
        let id = try job.required(job.parameters.snapshotID, "snapshotID")
        // In a full pool, the rollback would stop half-way.
        let full = CephError(.poolFull, .rollBackImage, on: job.pool.resource(ofSnapshot: snapshot, image: job.image))
        if await PoolFullness(job.pool).problem(full) != nil { throw full }
        try await job.pool.rollBackImage(
            named: job.image,
            id: job.imageID,
            toSnapshot: snapshot,
            snapshotID: id,
            call: job.call,
            on: threads(job)
        )
    }

    private func shrink(_ job: Job) async throws {
        let size = try job.required(job.parameters.sizeBytes, "sizeBytes")
        try await job.pool.shrinkImage(
            named: job.image,
            id: job.imageID,
            toBytes: size,
            call: job.call,
            on: threads(job)
        )
    }

    /// Removes what abandoned work has left. A half-flattened or half-sparsified image is complete. A half-purged image
    /// stays in the trash, marked as being removed.
    func cleanUp(_ kind: OperationKind, _ job: Job) async throws {
        guard kind == .copyImage, let target = job.parameters.target else { return }
        try await discard(job, target)
        try await removeSnapshot(job)
    }

    /// Purges an image. It must still be in the trash, and must have expired by the cluster's clock, unless the purge is forced.
    private func purge(_ job: Job) async throws {
        let trace = try await job.pool.trace(ofImageID: job.imageID)
        guard let entry = trace.trash else {
            guard let name = trace.directoryName, trace.hasHeader else {
                // The image is gone, as requested.
                return
            }
            throw Problem(
                .trashEntryNotFound,
                detail: "image \"\(job.record.operation.spec)\" was taken out of the trash before it was purged",
                field: "id",
                hint: "it is \(job.record.place.image(name.text)) now; DELETE that where it is to go after all"
            )
        }
        if job.parameters.force != true, !entry.isBeingRemoved,
            entry.deferredUntil > (try await Records(of: job.pool).now())
        {
            throw CephError(.trashDeferred, .purgeImage, on: job.pool.resource(ofImage: job.image))
        }
        try await settle(entry, trace, job)
        do {
            try await job.pool.purgeImage(id: job.imageID, call: job.call, on: threads(job))
        } catch let error as CephError {
            switch error.code {
            case .trashEntryNotFound: return
            case .imageBusy, .imageHasSnapshots, .imageInGroup:
                // The blockers replace the error, if they can be read.
                guard let use = try? await job.pool.use(ofImageID: job.imageID),
                    var problem = Problem(use, of: job.record.operation.spec)
                else { throw error }
                // A client that died still counts as a watcher for 30 seconds. This error makes the runner try again.
                if error.code == .imageBusy, use.snapshots.isEmpty, use.group == nil { throw error }
                problem.errno = error.errno
                throw problem
            default: throw error
            }
        }
    }

    /// Finishes an interrupted move to the trash: librbd refuses to purge an image that is still moving.
    private func settle(_ entry: TrashEntry, _ trace: ImageStanding.Trace, _ job: Job) async throws {
        guard let name = trace.directoryName else {
            _ = try await job.pool.settleInTrash(entry)
            return
        }
        let standing = try await job.pool.standing(of: name)
        // Any other image may have to go to the trash or to come back. The next request for its name decides that.
        guard entry.isBeingRemoved, standing.image?.id == entry.id else {
            throw Problem.incomplete(job.pool.resource(ofImage: name.text))
        }
        _ = try await job.pool.finishMove(standing)
    }

    // MARK: Copies

    private func copy(_ job: Job) async throws {
        let target = try job.required(job.parameters.target, "target")
        let destination = job.cluster.pool(target.spec.place)
        let temporary = job.record.temporaryName
        if job.parameters.isCopied != true {
            // An earlier attempt may have left a partial copy. It is discarded.
            if job.isRepeated { try await discard(job, target) }
            let snapshot = job.parameters.snapshot ?? temporary
            if job.parameters.snapshot == nil {
                try await claimingSource(job) {
                    try await job.pool.takeCopySnapshot(snapshot, ofImage: job.image, id: job.imageID, on: threads(job))
                }
            }
            do {
                try await job.pool.copyImage(
                    named: job.image,
                    id: job.imageID,
                    at: snapshot,
                    withSnapshots: job.parameters.withSnapshots == true,
                    to: destination,
                    as: temporary,
                    call: job.call,
                    on: threads(job)
                )
            } catch let error as CephError where error.code == .snapshotNotFound && job.parameters.snapshot == nil {
                // The temporary snapshot was removed by somebody else. The next attempt takes a new one.
                throw CephError(.imageChanged, .copyImage, on: job.pool.resource(ofImage: job.image))
            }
            var parameters = job.parameters
            parameters.isCopied = true
            try await job.save(parameters)
        }
        let made = try await destination.standing(of: RawName(temporary))
        // If the copy already has its final name, no image has the temporary one.
        if let copy = made.image, made.state == .whole || made.state == .withoutNameObject {
            try await destination.renameImage(
                RawName(temporary),
                id: copy.id,
                to: RawName(target.name),
                on: threads(job)
            )
        }
        try await removeSnapshot(job)
    }

    /// Changes the source image of a copy, under a claim.
    private func claimingSource(_ job: Job, _ body: () async throws -> Void) async throws {
        let resource = job.pool.resource(ofImage: job.image)
        guard let session = HeldClaim.session else { throw CephError(.stopped, .copyImage, on: resource) }
        do {
            let subject = ClaimSubject.image(id: job.imageID, namespace: job.pool.namespace)
            let claim = try await claims.take([subject], for: .changeImage, in: job.pool.name, session)
            try await Hold.$current.withValue(claim) { try await body() }
        } catch is Claims.Conflict {
            // The other change will end.
            throw CephError(.imageBusy, .copyImage, on: resource)
        }
    }

    /// Removes the partial copy of an earlier attempt. Only this operation uses this name, and the name is claimed.
    private func discard(_ job: Job, _ target: OperationRecord.Target) async throws {
        let name = RawName(job.record.temporaryName)
        let pool = job.cluster.pool(target.spec.place)
        let standing = try await pool.standing(of: name)
        switch standing.state {
        case .free: return try await HeaderSweep.request(idPrefix: job.cluster.imageIDPrefix, in: pool)
        case .contradictory: return
        case .strayNameObject: return try await pool.removeStrayNameObject(standing)
        case .withoutHeader: return try await pool.freeName(standing)
        case .halfTrashed, .beingRemoved: _ = try await pool.finishMove(standing)
        case .whole, .withoutNameObject:
            guard let id = standing.image?.id else { return }
            try await pool.removeSnapshots(ofCopy: id, on: threads(job))
            let now = try await Records(of: pool).now()
            _ = try await pool.moveToTrash(TrashEntry(id: id, name: name, deletedAt: now, deferredUntil: now))
        }
        guard let id = standing.image?.id else { return }
        try await purge(ImageSpec(pool: target.pool, namespace: target.namespace, image: name.text), id)
    }

    /// Removes the temporary snapshot. A copy of the current state is made from one, so that all its data is of the same moment.
    private func removeSnapshot(_ job: Job) async throws {
        guard job.parameters.snapshot == nil else { return }
        let snapshot = job.record.temporaryName
        try await claimingSource(job) {
            try await job.pool.removeCopySnapshot(snapshot, ofImage: job.image, id: job.imageID, on: threads(job))
        }
    }
}
