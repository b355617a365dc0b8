// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

import Ceph
import RBDAPI

/// Takes all images of a group back to a snapshot of the group. An attempt after an interruption begins with the first
/// image: images that are rolled back stay so.
struct RollBackGroup: OperationTask {
    static let name = "rollback-group"
    static let verb = Verb.modify
    static let isCancellable = false
    static let afterFailure: String? = "some of the images may be rolled back: repeat the rollback"

    var group: String
    var snapshot: String
    /// The ids of the group's images, by the names of their pools.
    var images: [String: [String]]
    /// The pool of the group.
    private let pool: String

    init(_ group: String, in pool: String, to snapshot: String, images: [String: [String]]) {
        (self.group, self.pool, self.snapshot, self.images) = (group, pool, snapshot, images)
    }

    init(_ record: OperationRecord) throws(Problem) {
        group = try record.required(record.operation.group, "group")
        snapshot = try record.required(record.parameters.snapshot, "snapshot")
        pool = record.operation.pool
        images = record.parameters.imageIDsElsewhere ?? [:]
        images[pool] = record.parameters.imageIDs
    }

    var parameters: OperationRecord.Parameters {
        .init(snapshot: snapshot, imageIDs: images[pool] ?? [], imageIDsElsewhere: images.filter { $0.key != pool })
    }

    func isSame(as other: Self) -> Bool { snapshot == other.snapshot }

    func subjects(of record: OperationRecord) -> [String: [ClaimSubject]] {
        let namespace = record.operation.namespace
        var subjects = images.mapValues { ids in ids.sorted().map { ClaimSubject.image(id: $0, namespace: namespace) } }
        subjects[pool, default: []].insert(.group(group, namespace: namespace), at: 0)
        return subjects
    }

    func perform(_ job: OperationJob) async throws {
        // A replica that died at this work counts as a client for half a minute: the runner tries again.
        if try await blockers(job) != nil {
            throw CephError(
                .imageBusy,
                .changeGroupSnapshots,
                on: job.pool.resource(ofSnapshot: snapshot, ofGroup: group)
            )
        }
        try await job.pool.rollBack(group: group, to: snapshot, call: job.call, on: job.threads)
    }

    /// If the snapshot is gone, this finds nobody, and librbd reports it.
    func blockers(_ job: OperationJob) async throws -> Problem? {
        let info = try await job.pool.group(named: group).snapshots.first { $0.name == snapshot }
        return try await GroupSnapshotService.holders(of: info?.images ?? [], in: job.pool, countsWatchers: true)
    }
}
