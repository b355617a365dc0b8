// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

import Ceph
import RBDAPI

/// Takes an image back to a snapshot. An attempt after an interruption begins with the first object: objects that are
/// rolled back stay so.
struct RollBackImage: OperationTask {
    static let name = "rollback-image"
    static let verb = Verb.modify
    static let isCancellable = false
    static let afterFailure: String? = "part of the image may be rolled back: repeat the rollback"

    var snapshot: String
    /// The snapshot may have been renamed since; its id stays.
    var snapshotID: UInt64

    init(to snapshot: String, id: UInt64) {
        (self.snapshot, snapshotID) = (snapshot, id)
    }

    init(_ record: OperationRecord) throws(Problem) {
        snapshot = try record.required(record.parameters.snapshot, "snapshot")
        snapshotID = try record.required(record.parameters.snapshotID, "snapshotID")
    }

    var parameters: OperationRecord.Parameters { .init(snapshot: snapshot, snapshotID: snapshotID) }

    func isSame(as other: Self) -> Bool { snapshotID == other.snapshotID }

    func perform(_ job: OperationJob) async throws {
        // In a full pool the rollback would stop half-way.
        let full = CephError(.poolFull, .rollBackImage, on: job.pool.resource(ofSnapshot: snapshot, image: job.image))
        if await PoolFullness(job.pool).problem(full) != nil { throw full }
        try await job.pool.rollBackImage(
            named: job.image,
            id: job.imageID,
            toSnapshot: snapshot,
            snapshotID: snapshotID,
            call: job.call,
            on: job.threads
        )
    }
}
