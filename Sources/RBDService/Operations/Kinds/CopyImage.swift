// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

import Ceph
import Naming
import RBDAPI

/// Makes a copy of an image, or of a snapshot of it. The copy has a temporary name until it is whole.
struct CopyImage: OperationTask {
    static let name = "copy-image"
    static let verb = Verb.create
    static let isCancellable = true
    static let movesData = true

    /// Where the copy goes.
    var target: OperationRecord.Target
    /// The snapshot that is copied; nil for the present state.
    var snapshot: String?
    var withSnapshots: Bool
    /// Everything is copied; what is left is to give the copy its name.
    var isCopied = false

    init(to target: OperationRecord.Target, of snapshot: String? = nil, withSnapshots: Bool = false) {
        (self.target, self.snapshot, self.withSnapshots) = (target, snapshot, withSnapshots)
    }

    init(_ record: OperationRecord) throws(Problem) {
        target = try record.required(record.parameters.target, "target")
        snapshot = record.parameters.snapshot
        withSnapshots = record.parameters.withSnapshots == true
        isCopied = record.parameters.isCopied == true
    }

    var parameters: OperationRecord.Parameters {
        .init(target: target, snapshot: snapshot, withSnapshots: withSnapshots, isCopied: isCopied ? true : nil)
    }

    func isSame(as other: Self) -> Bool {
        target == other.target && snapshot == other.snapshot && withSnapshots == other.withSnapshots
    }

    /// The name that the copy gets, and its temporary name. The source is not claimed: it may be changed meanwhile,
    /// because the copy is made from a snapshot.
    func subjects(of record: OperationRecord) -> [String: [ClaimSubject]] {
        let names = [target.name, record.temporaryName].sorted()
        return [target.pool: names.map { .name(RawName($0), namespace: target.namespace) }]
    }

    /// Removes the temporary copy, and the snapshot that was taken for it.
    func cleanUp(_ job: OperationJob) async throws {
        try await discard(job)
        try await removeSnapshot(job)
    }

    func perform(_ job: OperationJob) async throws {
        let destination = job.cluster.pool(target.spec.place)
        let temporary = job.record.temporaryName
        if !isCopied {
            // An earlier attempt may have left a partial copy. It is discarded.
            if job.isRepeated { try await discard(job) }
            let source = snapshot ?? temporary
            if snapshot == nil {
                try await claimingSource(job) {
                    try await job.pool.takeCopySnapshot(source, ofImage: job.image, id: job.imageID, on: job.threads)
                }
            }
            do {
                try await job.pool.copyImage(
                    named: job.image,
                    id: job.imageID,
                    at: source,
                    withSnapshots: withSnapshots,
                    to: destination,
                    as: temporary,
                    call: job.call,
                    on: job.threads
                )
            } catch let error as CephError where error.code == .snapshotNotFound && snapshot == nil {
                // The temporary snapshot was removed by somebody else. The next attempt takes a new one.
                throw CephError(.imageChanged, .copyImage, on: job.pool.resource(ofImage: job.image))
            }
            var copied = self
            copied.isCopied = true
            try await job.save(copied.parameters)
        }
        let made = try await destination.standing(of: RawName(temporary))
        // If the copy already has its final name, no image has the temporary one.
        if let copy = made.image, made.state == .whole || made.state == .withoutNameObject {
            try await destination.renameImage(
                RawName(temporary),
                id: copy.id,
                to: RawName(target.name),
                on: job.threads
            )
        }
        try await removeSnapshot(job)
    }

    /// Changes the source image of a copy, under a claim.
    private func claimingSource(_ job: OperationJob, _ body: () async throws -> Void) async throws {
        let resource = job.pool.resource(ofImage: job.image)
        guard let session = HeldClaim.session else { throw CephError(.stopped, .copyImage, on: resource) }
        do {
            let subject = ClaimSubject.image(id: job.imageID, namespace: job.pool.namespace)
            let claim = try await job.work.claims.take([subject], for: .changeImage, in: job.pool.name, session)
            try await Hold.$current.withValue(claim) { try await body() }
        } catch is Claims.Conflict {
            // The other change will end.
            throw CephError(.imageBusy, .copyImage, on: resource)
        }
    }

    /// Removes the partial copy of an earlier attempt. Only this operation uses this name, and the name is claimed.
    private func discard(_ job: OperationJob) async throws {
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
            try await pool.removeSnapshots(ofCopy: id, on: job.threads)
            let now = try await Records(of: pool).now()
            _ = try await pool.moveToTrash(TrashEntry(id: id, name: name, deletedAt: now, deferredUntil: now))
        }
        guard let id = standing.image?.id else { return }
        try await job.work.purge(ImageSpec(pool: target.pool, namespace: target.namespace, image: name.text), id)
    }

    /// Removes the temporary snapshot. A copy of the current state is made from one, so that all its data is of the
    /// same moment.
    private func removeSnapshot(_ job: OperationJob) async throws {
        guard snapshot == nil else { return }
        let temporary = job.record.temporaryName
        try await claimingSource(job) {
            try await job.pool.removeCopySnapshot(temporary, ofImage: job.image, id: job.imageID, on: job.threads)
        }
    }
}
