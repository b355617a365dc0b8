// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

import Ceph
import RBDAPI

/// What is done for each kind of operation. All of it can be begun again after it was broken off anywhere.
struct OperationWork: Sendable {
    /// Where the calls are made that take as long as there is data. Short calls in between go there too: nobody waits for
    /// them, and they must not take the places of those that somebody waits for.
    let threads: BlockingPool
    /// Has an image purged that is in the trash.
    let purge: @Sendable (_ spec: ImageSpec, _ id: String) async throws -> Void

    /// What the work is given.
    struct Job: Sendable {
        var record: OperationRecord
        var cluster: Cluster
        var call: LongCall

        var pool: Ceph.Pool { cluster.pool(record.operation.pool, namespace: record.operation.namespace) }
        var parameters: OperationRecord.Parameters { record.parameters }
        var image: String { record.operation.image }
        var imageID: String { record.operation.imageID }
        /// Somebody, or we ourselves, may have come further before.
        var isRepeated: Bool
        /// Writes changed parameters, so that whoever takes over knows.
        var save: @Sendable (OperationRecord.Parameters) async throws -> Void
    }

    /// Does the work.
    /// - Throws: `CephError`; `Problem`, where it was found out what is in the way.
    func perform(_ kind: OperationKind, _ job: Job) async throws {
        switch kind {
        case .purgeImage: try await purge(job)
        case .flattenImage:
            do {
                try await job.pool.flattenImage(named: job.image, id: job.imageID, call: job.call, on: threads)
            } catch let error as CephError where error.code == .imageHasNoParent && job.isRepeated {
                // The one before us had come to the end, but not to say so.
            }
        case .sparsifyImage:
            try await job.pool.sparsifyImage(
                named: job.image,
                id: job.imageID,
                blockBytes: job.parameters.blockBytes ?? 4096,
                call: job.call,
                on: threads
            )
        case .rebuildObjectMap:
            try await job.pool.rebuildObjectMap(ofImage: job.image, id: job.imageID, call: job.call, on: threads)
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

    /// Begun again after it was broken off, it begins with the first object: what is rolled back stays so.
    private func rollBack(_ job: Job) async throws {
        guard let snapshot = job.parameters.snapshot, let id = job.parameters.snapshotID else { return }
        // It would stop half-way there.
        let full = CephError(.poolFull, .rollBackImage, on: job.pool.resource(ofSnapshot: snapshot, image: job.image))
        if await PoolFullness(job.pool).problem(full) != nil { throw full }
        try await job.pool.rollBackImage(
            named: job.image,
            id: job.imageID,
            toSnapshot: snapshot,
            snapshotID: id,
            call: job.call,
            on: threads
        )
    }

    private func shrink(_ job: Job) async throws {
        guard let size = job.parameters.sizeBytes else { return }
        try await job.pool.shrinkImage(
            named: job.image,
            id: job.imageID,
            toBytes: size,
            call: job.call,
            on: threads
        )
    }

    /// Removes what work that is given up has left. A flattened half, or a sparsified one, is a whole image; a purged half
    /// stays in the trash, marked as being removed.
    func cleanUp(_ kind: OperationKind, _ job: Job) async throws {
        guard kind == .copyImage, let target = job.parameters.target else { return }
        try await discard(job, target)
        try await removeSnapshot(job)
    }

    private func purge(_ job: Job) async throws {
        do {
            try await job.pool.purgeImage(
                id: job.imageID,
                force: job.parameters.force ?? false,
                call: job.call,
                on: threads
            )
        } catch let error as CephError {
            switch error.code {
            // Gone is what was asked for.
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

    // MARK: Copies

    /// The name that a copy has until it is whole.
    static func temporaryName(_ record: OperationRecord) -> String {
        temporaryPrefix + record.operation.id
    }

    /// The operation that makes the copy; nil where it is no such name.
    static func operationID(ofTemporaryName name: String) -> String? {
        name.hasPrefix(temporaryPrefix) ? String(name.dropFirst(temporaryPrefix.count)) : nil
    }

    private static let temporaryPrefix = "rbd-rest-api.copy-"

    private func copy(_ job: Job) async throws {
        guard let target = job.parameters.target else { return }
        let destination = job.cluster.pool(target.pool, namespace: target.namespace)
        let temporary = Self.temporaryName(job.record)
        if job.parameters.isCopied != true {
            // An earlier attempt may have left a part. It can't be gone on with: librbd copies from the beginning.
            if job.isRepeated { try await discard(job, target) }
            if let snapshot = Self.temporarySnapshot(job.record) {
                try await job.pool.takeCopySnapshot(snapshot, ofImage: job.image, id: job.imageID, on: threads)
            }
            try await job.pool.copyImage(
                named: job.image,
                id: job.imageID,
                at: job.parameters.snapshot ?? Self.temporarySnapshot(job.record),
                to: destination,
                as: temporary,
                call: job.call,
                on: threads
            )
            var parameters = job.parameters
            parameters.isCopied = true
            try await job.save(parameters)
        }
        do {
            try await destination.renameCopy(named: temporary, to: target.name, on: threads)
        } catch let error as CephError where error.code == .imageNotFound && job.parameters.isCopied == true {
            // It has its name already.
        }
        try await removeSnapshot(job)
    }

    private func discard(_ job: Job, _ target: OperationRecord.Target) async throws {
        let name = Self.temporaryName(job.record)
        let pool = job.cluster.pool(target.pool, namespace: target.namespace)
        guard let id = try await pool.discardCopy(named: name, on: threads) else { return }
        try await purge(ImageSpec(pool: target.pool, namespace: target.namespace, image: name), id)
    }

    /// The snapshot that is taken for a copy of the present state, so that the copy is of one moment; nil where none is.
    private static func temporarySnapshot(_ record: OperationRecord) -> String? {
        let parameters = record.parameters
        guard parameters.snapshot == nil, parameters.withSnapshots != true else { return nil }
        return temporaryName(record)
    }

    private func removeSnapshot(_ job: Job) async throws {
        guard let snapshot = Self.temporarySnapshot(job.record) else { return }
        try await job.pool.removeCopySnapshot(snapshot, ofImage: job.image, id: job.imageID, on: threads)
    }
}
