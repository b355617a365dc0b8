// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

import Ceph
import Naming
import RBDAPI

/// The rules of rolling an image back: the checks before it begins, and what a repeated request means.
extension SnapshotService {
    /// Begins to roll the image back to the snapshot.
    /// - Parameter confirmation: must be the snapshot's name; a dry run ignores it.
    func rollBack(
        _ image: ImageSpec,
        to name: String,
        confirmation: String?,
        isDryRun: Bool
    ) async throws -> Attempt<RBDAPI.Operation> {
        try Confirmation.require(
            isDryRun ? nil : confirmation,
            of: name,
            .snapshot,
            isDryRun: isDryRun,
            "rolling image \"\(image)\" back to \"\(name)\" permanently destroys everything written since"
        )
        // A running rollback has claimed the image.
        switch try await prepareRollBack(image, to: name) {
        case .begun(let operation): return .unchanged(operation, isDryRun: isDryRun)
        case .possible(let work, _): if isDryRun { return Attempt(work.step) }
        }
        return try await changingClaimed(image, .rollBackImage) { _ in
            switch try await prepareRollBack(image, to: name) {
            case .begun(let operation): return .done(operation)
            case .possible(let work, let subject):
                return .done(try await self.work.beginClaimed(work, on: subject))
            }
        }
    }

    private enum Prepared {
        /// The same rollback has begun, and is not finished.
        case begun(RBDAPI.Operation)
        case possible(ImageWorkService.Work, ImageWorkService.Subject)
    }

    /// Checks the request. The operation checks everything again when it begins, which may be later and on another
    /// replica.
    private func prepareRollBack(_ image: ImageSpec, to name: String) async throws -> Prepared {
        let pool = try pool(of: image)
        let subject = try await work.subject(image.image, in: image.place)
        let snapshot = try await findOwn(name, .rollBackImage, of: image)
        // This comes before the check for clients: a running rollback counts as a client that has the image open.
        if let other = try await work.operations.store.unfinished(onImage: subject.info.id, spec: image) {
            guard other.kind == .rollBackImage, other.parameters.snapshotID == snapshot.id else {
                throw OperationStore.inProgress(other, "image \"\(image)\"")
            }
            return .begun(other.operation)
        }
        if let problem = Problem(changing: image, try await pool.use(ofImage: image.image)) { throw problem }
        // In a full pool, the rollback would stop half-way.
        let resource = pool.resource(ofSnapshot: name, image: image.image)
        try await PoolFullness(pool).requireRoom(for: .rollBackImage, on: resource)
        let step = Plan.Step(
            .rollbackImage,
            image.description,
            detail: "to its state at \(name), with the size \(ByteCount(snapshot.sizeBytes)); "
                + "everything written since is lost"
        )
        return .possible(ImageWorkService.Work(task: RollBackImage(to: name, id: snapshot.id), step: step), subject)
    }
}
