// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

import Ceph
import Naming
import RBDAPI

/// The rules of the snapshots of groups.
struct GroupSnapshotService: Sendable {
    let images: ImageAccess
    let operations: OperationService

    func list(_ group: GroupSpec, _ request: PageRequest) async throws -> Page<RBDAPI.GroupSnapshot> {
        let snapshots = try await images.info(group).snapshots.map { RBDAPI.GroupSnapshot($0, of: group) }
        return Page(snapshots, request, by: \.name) { $0 }
    }

    func get(_ snapshot: String, of group: GroupSpec) async throws -> RBDAPI.GroupSnapshot {
        RBDAPI.GroupSnapshot(try await find(snapshot, in: group).snapshot, of: group)
    }

    /// Takes a snapshot of all images of the group at one moment. Clients may have the images open.
    func create(
        _ snapshot: String,
        of group: GroupSpec,
        isDryRun: Bool
    ) async throws -> Attempt<RBDAPI.GroupSnapshot> {
        try ImageRules.checkName(snapshot, field: "name", what: "snapshot")
        let pool = try images.pool(group.place)
        return try await images.changingQuiet(group, .changeGroupSnapshots, isDryRun: isDryRun) {
            let info = try await images.info(group)
            guard !info.snapshots.contains(where: { $0.name == snapshot }) else {
                throw CephError(
                    .groupSnapshotExists,
                    .changeGroupSnapshots,
                    on: pool.resource(ofSnapshot: snapshot, ofGroup: group.name)
                )
            }
            let members = info.members.map(\.image)
            try Access.current.require(.modify, onAll: members.map(\.spec))
            return try await images.changing(all: members, isDryRun: isDryRun) {
                if let problem = try await Self.holders(of: members, in: pool, countsWatchers: false) { throw problem }
                if isDryRun {
                    let steps = members.map { Plan.Step(.createSnapshot, $0.spec.description) }
                    return Attempt(steps + [Plan.Step(.createGroupSnapshot, "\(group.snapshot(snapshot))")])
                }
                let made = try await pool.createSnapshot(named: snapshot, ofGroup: group.name)
                return .done(RBDAPI.GroupSnapshot(made, of: group))
            }
        }
    }

    func delete(_ snapshot: String, of group: GroupSpec, isDryRun: Bool) async throws -> Attempt<Void> {
        let pool = try images.pool(group.place)
        return try await images.changingQuiet(group, .changeGroupSnapshots, isDryRun: isDryRun) {
            let images = try await find(snapshot, in: group).snapshot.images
            try Access.current.require(.delete, onAll: images.map(\.spec))
            return try await self.images.changing(all: images, isDryRun: isDryRun) {
                if let problem = try await Self.holders(of: images, in: pool, countsWatchers: false) { throw problem }
                if isDryRun {
                    let steps = images.map { Plan.Step(.deleteSnapshot, $0.spec.description) }
                    return Attempt(steps + [Plan.Step(.deleteGroupSnapshot, "\(group.snapshot(snapshot))")])
                }
                try await pool.removeSnapshot(named: snapshot, ofGroup: group.name)
                return .done(())
            }
        }
    }

    func find(
        _ snapshot: String,
        in group: GroupSpec
    ) async throws -> (group: GroupInfo, snapshot: GroupSnapshotInfo) {
        let whole = try await images.info(group)
        guard let found = whole.snapshots.first(where: { $0.name == snapshot }) else {
            throw CephError(.groupSnapshotNotFound, .readGroup, on: .groupSnapshot(group.snapshot(snapshot)))
        }
        return (whole, found)
    }

    /// The problem that names the clients and locks on the images of a group. librbd would roll back an image that a
    /// client has open, and would wait forever for a lock that somebody has set by hand.
    /// - Returns: nil if there are none.
    static func holders(
        of images: [Ceph.GroupImage],
        in pool: Ceph.Pool,
        countsWatchers: Bool
    ) async throws -> Problem? {
        let uses = try await pool.use(ofGroupImages: images).filter { use in
            !use.locks.isEmpty || countsWatchers && !use.watchers.isEmpty
        }
        let blockers = uses.flatMap { use in
            let spec = use.image.spec.description
            let watchers = (countsWatchers ? use.watchers : [])
                .map { Problem.Blocker(.watcher, name: spec, client: $0.client, address: $0.address) }
            let locks = use.locks
                .map { Problem.Blocker(.lock, name: "\(spec): \($0.cookie)", client: $0.client, address: $0.address) }
            return watchers + locks
        }
        guard let first = uses.first else { return nil }
        let spec = first.image.spec
        let remedy: Remedy =
            if let lock = first.locks.first {
                .breakLock(on: spec, of: lock.client)
            } else {
                .endClients(of: spec)
            }
        return Problem(
            .imageInUse,
            detail: "\(uses.count) of the \(images.count) images of the group are in use: "
                + uses.map { $0.image.spec.description }.joined(separator: ", "),
            field: "group",
            remedy: remedy,
            blockers: blockers
        )
    }
}
