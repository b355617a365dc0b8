// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

import Ceph
import Naming
import RBDAPI

/// The rules of rolling a group back.
extension GroupSnapshotService {
    /// Begins to take the images back to the snapshot, unless a client has one of them open.
    /// - Parameter confirmation: must be the snapshot's name; a dry run needs none.
    func rollBack(
        _ snapshot: String,
        of group: GroupSpec,
        confirmation: String?,
        dryRun: Bool
    ) async throws -> Attempt<RBDAPI.Operation> {
        let spec = "\(group.snapshot(snapshot))"
        guard confirmation == snapshot || dryRun && confirmation == nil else {
            throw Problem(
                .confirmationRequired,
                detail: "rolling back to \"\(spec)\" destroys for ever what was written to its images since",
                field: "confirm",
                remedy: .confirm(snapshot, of: .groupSnapshot)
            )
        }
        let pool = try images.pool(group.place)
        // The one that is at work has the group.
        if let begun = try await begun(snapshot, of: group) { return dryRun ? .planned(Plan(steps: [])) : .done(begun) }
        return try await images.changing(group, .changeGroupSnapshots, isDryRun: dryRun) {
            let (whole, info) = try await find(snapshot, in: group)
            try Access.current.require(.modify, onAll: info.images.map(\.spec))
            guard !info.isIncomplete else {
                throw CephError(
                    .groupSnapshotIncomplete,
                    .changeGroupSnapshots,
                    on: pool.resource(ofSnapshot: snapshot, ofGroup: group.name)
                )
            }
            try Self.requireSameImages(whole, as: info, spec)
            if let begun = try await begun(snapshot, of: group) {
                return dryRun ? .planned(Plan(steps: [])) : .done(begun)
            }
            return try await images.changing(all: info.images, isDryRun: dryRun) {
                try await Self.refuseHolders(of: info.images, in: pool, countsWatchers: true)
                guard !dryRun else {
                    return .planned(
                        Plan(
                            steps: info.images.map {
                                Plan.Step("roll-back-image", $0.spec.description, detail: "to its state in \(spec)")
                            }
                        )
                    )
                }
                return .done(
                    try await operations.start(
                        .rollBackGroup,
                        on: group,
                        parameters: parameters(snapshot, of: group, info)
                    )
                )
            }
        }
    }

    /// - Throws: `Problem` with `group-changed` where an image has joined the group since, or left it.
    private static func requireSameImages(
        _ group: GroupInfo,
        as snapshot: GroupSnapshotInfo,
        _ spec: String
    ) throws(Problem) {
        let changes = group.changes(since: snapshot)
        let parts = [("joined", changes.joined), ("left", changes.left)].filter { !$0.1.isEmpty }
        guard !parts.isEmpty else { return }
        let told = parts.map { what, images in
            let seen = images.map(\.spec).filter { Access.current.may(.read, $0) }.map { "\"\($0)\"" }
            let hidden = images.count - seen.count
            let names = seen + (hidden > 0 ? ["\(hidden) out of scope"] : [])
            return "\(names.joined(separator: ", ")) \(what) it"
        }
        throw Problem(
            .groupChanged,
            detail: "the group has other images than it had in \"\(spec)\": \(told.joined(separator: "; "))",
            field: "snapshot",
            hint: "give the group the images that it had then"
        )
    }

    /// - Returns: the operation that is at the very same work.
    /// - Throws: `Problem` with `operation-in-progress` where other work on the group is not finished.
    private func begun(_ snapshot: String, of group: GroupSpec) async throws -> RBDAPI.Operation? {
        guard let other = try await operations.store.unfinished(onGroup: group) else { return nil }
        guard other.kind == .rollBackGroup, other.parameters.snapshot == snapshot else {
            throw OperationStore.inProgress(other, "group \"\(group)\"", field: "group")
        }
        return other.operation
    }

    private func parameters(
        _ snapshot: String,
        of group: GroupSpec,
        _ info: GroupSnapshotInfo
    ) -> OperationRecord.Parameters {
        let ids = Dictionary(grouping: info.images, by: \.pool).mapValues { $0.map(\.id) }
        return OperationRecord.Parameters(
            snapshot: snapshot,
            imageIDs: ids[group.pool] ?? [],
            imageIDsElsewhere: ids.filter { $0.key != group.pool }
        )
    }
}

extension OperationWork {
    /// Begun again after it was broken off, it begins with the first image: what is rolled back stays so.
    func rollBackGroup(_ job: Job) async throws {
        let snapshot = try job.required(job.parameters.snapshot, "snapshot")
        let name = try job.required(job.record.operation.group, "group")
        // Whoever died at it counts as a client for half a minute: the runner is to try again.
        if try await holders(job) != nil {
            let resource = job.pool.resource(ofSnapshot: snapshot, ofGroup: name)
            throw CephError(.imageBusy, .changeGroupSnapshots, on: resource)
        }
        try await job.pool.rollBack(group: name, to: snapshot, call: job.call, on: threads(job))
    }

    /// Who has one of the images open.
    /// - Returns: nil where nobody has; where the snapshot has gone librbd says so.
    func holders(_ job: Job) async throws -> Problem? {
        guard let snapshot = job.parameters.snapshot, let name = job.record.operation.group else { return nil }
        let info = try await job.pool.group(named: name).snapshots.first { $0.name == snapshot }
        return try await GroupSnapshotService.holders(of: info?.images ?? [], in: job.pool, countsWatchers: true)
    }
}
