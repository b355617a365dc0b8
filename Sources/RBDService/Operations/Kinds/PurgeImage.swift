// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

import Ceph
import Naming
import RBDAPI

/// Removes an image from the trash for ever. A half-purged image stays in the trash, marked as being removed.
struct PurgeImage: OperationTask {
    static let name = "purge-image"
    static let verb = Verb.purge
    static let isCancellable = true

    /// Purge the image before it has been in the trash for as long as it was to be kept.
    var force: Bool

    init(force: Bool) {
        self.force = force
    }

    init(_ record: OperationRecord) {
        force = record.parameters.force == true
    }

    var parameters: OperationRecord.Parameters { .init(force: force) }

    /// Purges an image. It must still be in the trash, and must have expired by the cluster's clock, unless the purge
    /// is forced.
    func perform(_ job: OperationJob) async throws {
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
                remedy: .delete(job.record.place.image(name.text))
            )
        }
        if !force, !entry.isBeingRemoved,
            entry.deferredUntil > (try await Records(of: job.pool).now())
        {
            throw CephError(.trashDeferred, .purgeImage, on: job.pool.resource(ofImage: job.image))
        }
        try await settle(entry, trace, job)
        do {
            try await job.pool.purgeImage(id: job.imageID, call: job.call, on: job.threads)
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
    private func settle(_ entry: TrashEntry, _ trace: ImageStanding.Trace, _ job: OperationJob) async throws {
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
}
