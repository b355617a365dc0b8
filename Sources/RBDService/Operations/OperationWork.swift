// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

import Ceph
import Naming
import RBDAPI

/// What is done for each kind of operation. All of it can be begun again after it was broken off anywhere.
struct OperationWork: Sendable {
    /// Where the calls are made that take as long as there is data. Short calls in between go there too: nobody waits for
    /// them, and they must not take the places of those that somebody waits for.
    let threads: ThreadPurpose
    let claims: Claims
    /// What moves data through this process draws on it.
    let memory: MemoryBudget
    /// Has an image purged that is in the trash.
    let purge: @Sendable (_ spec: ImageSpec, _ id: String) async throws -> Void

    /// What the work is given.
    struct Job: Sendable {
        var record: OperationRecord
        var cluster: Cluster
        var call: LongCall

        var pool: Ceph.Pool { cluster.pool(record.place) }
        var parameters: OperationRecord.Parameters { record.parameters }
        var image: String { record.operation.image }
        var imageID: String { record.operation.imageID }
        /// Somebody, or we ourselves, may have come further before.
        var isRepeated: Bool
        /// What the work can't be done without. A record that lacks it must not count as done.
        /// - Throws: `Problem` with `internal-error`.
        func required<Value>(_ value: Value?, _ name: String) throws(Problem) -> Value {
            if let value { return value }
            throw Problem(
                .internalError,
                detail: "the record of operation \(record.operation.id) (\(record.operation.kind)) lacks its \(name)",
                hint: "start it again"
            )
        }

        /// Writes changed parameters, so that whoever takes over knows.
        var save: @Sendable (OperationRecord.Parameters) async throws -> Void
    }

    func threads(_ job: Job) -> BlockingPool { job.cluster.threads(for: threads) }

    /// What one copy or flatten takes, with what librados and librbd add to the data that is on its way.
    private static let dataBytes = 64 << 20
    private static let pause = Duration.milliseconds(200)

    /// Does the work.
    /// - Throws: `CephError`; `Problem`, where it was found out what is in the way.
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
                // The one before us had come to the end, but not to say so.
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
        // It has no record in any pool: see PoolCreations.
        case .createPool: return
        }
    }

    /// What is told of an error that ends the work.
    func problem(_ error: CephError, _ kind: OperationKind, _ job: Job) async -> Problem {
        var problem = Problem(error)
        switch error.code {
        case .imageBusy where kind == .rollBackGroup: problem = (try? await holders(job)) ?? problem
        case .imageBusy:
            let spec = job.record.operation.spec
            if let use = try? await job.pool.use(ofImageID: job.imageID), let told = Problem(changing: spec, use) {
                problem = told
                problem.errno = error.errno
            }
        case .poolFull: problem = await PoolFullness(job.pool).problem(error) ?? problem
        default: break
        }
        if job.record.operation.attempts > 1 || job.call.fraction > 0 {
            switch kind {
            case .rollBackImage: problem.detail += "; a part of the image may be rolled back: repeat the rollback"
            case .rollBackGroup: problem.detail += "; a part of the images may be rolled back: repeat the rollback"
            case .shrinkImage: problem.detail += "; a part of what was to be cut off may be gone: repeat the shrink"
            default: break
            }
        }
        return problem
    }

    /// Whether nobody has the image open, or locked, but replicas of this service.
    func isHeldByReplicas(_ job: Job) async -> Bool {
        guard let use = try? await job.pool.use(ofImageID: job.imageID),
            let replicas = try? await claims.replicas(in: job.pool.name, job.cluster)
        else { return false }
        let holders = Set(use.watchers.map(\.address) + use.locks.map(\.address))
        return !holders.isEmpty && holders.isSubset(of: replicas)
    }

    /// Begun again after it was broken off, it begins with the first object: what is rolled back stays so.
    private func rollBack(_ job: Job) async throws {
        let snapshot = try job.required(job.parameters.snapshot, "snapshot")
        let id = try job.required(job.parameters.snapshotID, "snapshotID")
        // It would stop half-way there.
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

    /// Removes what work that is given up has left. A flattened half, or a sparsified one, is a whole image; a purged half
    /// stays in the trash, marked as being removed.
    func cleanUp(_ kind: OperationKind, _ job: Job) async throws {
        guard kind == .copyImage, let target = job.parameters.target else { return }
        try await discard(job, target)
        try await removeSnapshot(job)
    }

    /// The image must be in the trash still, for as long as it was meant to be, and by the cluster's clock.
    private func purge(_ job: Job) async throws {
        let trace = try await job.pool.trace(ofImageID: job.imageID)
        guard let entry = trace.trash else {
            guard let name = trace.directoryName, trace.hasHeader else {
                // Gone is what was asked for.
                return
            }
            throw Problem(
                .trashEntryNotFound,
                detail: "image \"\(job.record.operation.spec)\" was taken out of the trash before it was purged",
                field: "id",
                remedy: .delete(job.record.place.image(name.text))
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
                // Only where the blockers can be told; else the error stands.
                guard let use = try? await job.pool.use(ofImageID: job.imageID),
                    var problem = Problem(use, of: job.record.operation.spec)
                else { throw error }
                // One that died counts as alive for a while, so that the runner is to try again.
                if error.code == .imageBusy, use.snapshots.isEmpty, use.group == nil { throw error }
                problem.errno = error.errno
                throw problem
            default: throw error
            }
        }
    }

    /// Ends a move to the trash that was interrupted: librbd refuses what is still on its way.
    private func settle(_ entry: TrashEntry, _ trace: ImageStanding.Trace, _ job: Job) async throws {
        guard let name = trace.directoryName else {
            _ = try await job.pool.settleInTrash(entry)
            return
        }
        let standing = try await job.pool.standing(of: name)
        // Whether the others are to go to the trash or to come back, whoever asks for the name finds out.
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
            // An earlier attempt may have left a part. It is not gone on with.
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
                // It was ours, and somebody has removed it: it is taken anew.
                throw CephError(.imageChanged, .copyImage, on: job.pool.resource(ofImage: job.image))
            }
            var parameters = job.parameters
            parameters.isCopied = true
            try await job.save(parameters)
        }
        let made = try await destination.standing(of: RawName(temporary))
        // Where it has its name already, nothing has the other one.
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

    /// Changes the image that is copied, while nobody else does.
    private func claimingSource(_ job: Job, _ body: () async throws -> Void) async throws {
        let resource = job.pool.resource(ofImage: job.image)
        guard let session = HeldClaim.session else { throw CephError(.stopped, .copyImage, on: resource) }
        do {
            let subject = ClaimSubject.image(id: job.imageID, namespace: job.pool.namespace)
            let claim = try await claims.take([subject], for: .changeImage, in: job.pool.name, session)
            try await Hold.$current.withValue(claim) { try await body() }
        } catch is Claims.Conflict {
            // Whoever is at it comes to an end.
            throw CephError(.imageBusy, .copyImage, on: resource)
        }
    }

    /// Has what an attempt has left removed. It is ours: nobody else has such a name, and the name is claimed.
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

    /// A copy of the present state is made from a snapshot that is taken for it, so that it is of one moment.
    private func removeSnapshot(_ job: Job) async throws {
        guard job.parameters.snapshot == nil else { return }
        let snapshot = job.record.temporaryName
        try await claimingSource(job) {
            try await job.pool.removeCopySnapshot(snapshot, ofImage: job.image, id: job.imageID, on: threads(job))
        }
    }
}
