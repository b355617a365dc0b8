// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

import Ceph
import Naming
import RBDAPI

/// The rules of rolling a group back.
extension GroupSnapshotService {
    /// Begins to roll the images back to the snapshot, unless a client has one of them open.
    /// - Parameter confirmation: must be the snapshot's name; a dry run needs none.
    func rollBack(
        _ snapshot: String,
        of group: GroupSpec,
        confirmation: String?,
        isDryRun: Bool
    ) async throws -> Attempt<RBDAPI.Operation> {
        let spec = "\(group.snapshot(snapshot))"
        try Confirmation.require(
            confirmation,
            of: snapshot,
            .groupSnapshot,
            isDryRun: isDryRun,
            "rolling back to \"\(spec)\" permanently destroys everything written to its images since"
        )
        let pool = try images.pool(group.place)
        // A running rollback has claimed the group.
        if let begun = try await begun(snapshot, of: group) { return .unchanged(begun, isDryRun: isDryRun) }
        return try await images.changing(group, .changeGroupSnapshots, isDryRun: isDryRun) {
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
            if let begun = try await begun(snapshot, of: group) { return .unchanged(begun, isDryRun: isDryRun) }
            return try await images.changing(all: info.images, isDryRun: isDryRun) {
                if let problem = try await Self.holders(of: info.images, in: pool, countsWatchers: true) {
                    throw problem
                }
                if isDryRun {
                    let detail = "to its state in \(spec)"
                    return Attempt(
                        info.images.map { Plan.Step(.rollbackImage, $0.spec.description, detail: detail) }
                    )
                }
                return .done(try await operations.start(rollback(to: snapshot, of: group, info), on: group))
            }
        }
    }

    /// - Throws: `Problem` with `group-changed` if an image has joined or left the group since the snapshot.
    private static func requireSameImages(
        _ group: GroupInfo,
        as snapshot: GroupSnapshotInfo,
        _ spec: String
    ) throws(Problem) {
        let changes = group.changes(since: snapshot)
        let parts = [("joined", changes.joined), ("left", changes.left)].filter { !$0.1.isEmpty }
        guard !parts.isEmpty else { return }
        let changed = parts.map { what, images in
            let seen = images.map(\.spec).filter { Access.current.may(.read, $0) }.map { "\"\($0)\"" }
            let hidden = images.count - seen.count
            let names = seen + (hidden > 0 ? ["\(hidden) out of scope"] : [])
            return "\(names.joined(separator: ", ")) \(what) it"
        }
        throw Problem(
            .groupChanged,
            detail: "the images of the group have changed since \"\(spec)\": \(changed.joined(separator: "; "))",
            field: "snapshot",
            hint: "give the group the images that it had then"
        )
    }

    /// - Returns: the operation that already does the same rollback, if there is one.
    /// - Throws: `Problem` with `operation-in-progress` if another operation on the group is not finished.
    private func begun(_ snapshot: String, of group: GroupSpec) async throws -> RBDAPI.Operation? {
        guard let other = try await operations.store.unfinished(onGroup: group) else { return nil }
        guard other.kind == .rollBackGroup, other.parameters.snapshot == snapshot else {
            throw OperationStore.inProgress(other, "group \"\(group)\"", field: "group")
        }
        return other.operation
    }

    private func rollback(to snapshot: String, of group: GroupSpec, _ info: GroupSnapshotInfo) -> RollBackGroup {
        let ids = Dictionary(grouping: info.images, by: \.pool).mapValues { $0.map(\.id) }
        return RollBackGroup(group.name, in: group.pool, to: snapshot, images: ids)
    }
}
