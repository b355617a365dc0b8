// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

import Ceph
import Naming
import RBDAPI

/// The rules of rolling an image back: what is looked at before it begins, and what may be asked for again.
extension SnapshotService {
    func planRollBack(_ image: ImageSpec, to name: String) async throws -> Plan {
        switch try await prepareRollBack(image, to: name) {
        case .begun: Plan(steps: [])
        case .possible(let work, _): work.plan
        }
    }

    /// Begins to make the image again what it was when the snapshot was taken.
    /// - Parameter confirmation: must be the snapshot's name.
    func rollBack(_ image: ImageSpec, to name: String, confirmation: String?) async throws -> RBDAPI.Operation {
        guard confirmation == name else {
            throw Problem(
                .confirmationRequired,
                detail: "rolling image \"\(image)\" back to \"\(name)\" destroys for ever what was written since",
                field: "confirm",
                remedy: .confirm(name, of: .snapshot)
            )
        }
        // The one that is at work has the image.
        if case .begun(let operation) = try await prepareRollBack(image, to: name) { return operation }
        return try await alone(image, .rollBackImage) { _ in
            switch try await prepareRollBack(image, to: name) {
            case .begun(let operation): operation
            case .possible(let work, let subject): try await self.work.beginClaimed(work, on: subject)
            }
        }
    }

    private enum Prepared {
        /// The same one is not finished.
        case begun(RBDAPI.Operation)
        case possible(ImageWorkService.Work, ImageWorkService.Subject)
    }

    /// All of it is looked at again when the work begins: that may be later, and elsewhere.
    private func prepareRollBack(_ image: ImageSpec, to name: String) async throws -> Prepared {
        let pool = try pool(of: image)
        let subject = try await work.subject(image.image, in: image.place)
        let snapshot = try await findOwn(name, .rollBackImage, of: image)
        // The one that is at work would be found as a client that has the image open.
        if let other = try await work.operations.store.unfinished(onImage: subject.info.id, spec: image) {
            guard other.kind == .rollBackImage, other.parameters.snapshotID == snapshot.id else {
                throw OperationStore.inProgress(other, "image \"\(image)\"")
            }
            return .begun(other.operation)
        }
        if let problem = Problem(changing: image, try await pool.use(ofImage: image.image)) { throw problem }
        // It would stop half-way there.
        let resource = pool.resource(ofSnapshot: name, image: image.image)
        try await PoolFullness(pool).requireRoom(for: .rollBackImage, on: resource)
        let step = Plan.Step(
            "roll-back-image",
            image.description,
            detail: "to what it was at \(name), with its size of \(ByteCount(snapshot.sizeBytes)); "
                + "what was written since is lost"
        )
        return .possible(
            ImageWorkService.Work(
                kind: .rollBackImage,
                parameters: .init(snapshot: name, snapshotID: snapshot.id),
                plan: Plan(steps: [step])
            ),
            subject
        )
    }
}
