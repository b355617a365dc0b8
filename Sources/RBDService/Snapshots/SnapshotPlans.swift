// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

import Ceph
import Naming
import RBDAPI

/// What dry runs of changes of snapshots answer. They make the checks that librbd makes when it changes a snapshot.
extension SnapshotService {
    func step(creating name: String, of image: ImageSpec) async throws -> Plan.Step {
        let pool = try pool(of: image)
        let resource = pool.resource(ofSnapshot: name, image: image.image)
        let snapshots = try await pool.snapshots(ofImage: image.image)
        if snapshots.contains(where: { $0.kind == .user && $0.name == name }) {
            throw CephError(.snapshotExists, .createSnapshot, on: resource)
        }
        if let limit = try await pool.snapshotLimit(ofImage: image.image).limit, snapshots.count >= limit {
            throw CephError(
                .snapshotLimitReached,
                .createSnapshot,
                on: resource,
                detail: "the limit is \(limit)"
            )
        }
        try await requireNoLock(image, in: pool)
        // Taking a snapshot copies the object map, if there is one. Without one it needs no free space.
        if try await pool.image(named: image.image).features.contains(.objectMap) {
            try await PoolFullness(pool).requireRoom(for: .createSnapshot, on: resource)
        }
        return Plan.Step(.createSnapshot, "\(image)@\(name)")
    }

    func steps(changing name: String, _ changes: SnapshotChanges, of image: ImageSpec) async throws -> [Plan.Step] {
        let pool = try pool(of: image)
        let snapshots = try await pool.snapshots(ofImage: image.image)
        let snapshot = try await findOwn(name, .changeSnapshot, of: image)
        var steps: [Plan.Step] = []
        if let protected = changes.protected, protected != snapshot.isProtected {
            // Only clones of format 2 can exist without the protection, but only librbd knows the format of each clone.
            let action: Plan.Action = protected ? .protectSnapshot : .unprotectSnapshot
            let detail = protected ? nil : "refused if clones of format 1 need the protection"
            steps.append(Plan.Step(action, "\(image)@\(name)", detail: detail))
        }
        if let newName = changes.name, newName != name {
            if snapshots.contains(where: { $0.kind == .user && $0.name == newName }) {
                throw CephError(
                    .snapshotExists,
                    .changeSnapshot,
                    on: pool.resource(ofSnapshot: newName, image: image.image)
                )
            }
            steps.append(Plan.Step(.renameSnapshot, "\(image)@\(name)", detail: "to \(newName)"))
        }
        try await requireNoLock(image, in: pool)
        return steps
    }

    func deletionPlan(of name: String, of image: ImageSpec, evenIfCloned: Bool) async throws -> Plan {
        let pool = try pool(of: image)
        let spec = SnapshotSpec(image: image, snapshot: name).description
        let snapshot = try await findOwn(name, .removeSnapshot, of: image)
        let clones = try await pool.clones(ofImage: image.image, snapshot: name)
        let keepsClones = evenIfCloned && !snapshot.isProtected
        var steps: [Plan.Step] = []
        if !keepsClones {
            let cloned = await CloneSnapshots(of: clones, images)
            steps += clones.flatMap(cloned.steps)
        }
        if snapshot.isProtected { steps.append(Plan.Step(.unprotectSnapshot, spec)) }
        let detail =
            keepsClones && !clones.isEmpty
            ? "the snapshot loses its name, and stays in the trash until its last clone is gone" : nil
        steps.append(Plan.Step(.deleteSnapshot, spec, detail: detail))
        try await requireNoLock(image, in: pool)
        return Plan(
            allowed: !snapshot.isProtected && (clones.isEmpty || keepsClones),
            steps: steps,
            blockers: keepsClones ? [] : clones.map { Problem.Blocker(.clone, name: ImageChild($0).spec) }
        )
    }

    func step(limiting image: ImageSpec, to limit: UInt64?) async throws -> Plan.Step {
        let pool = try pool(of: image)
        let resource = pool.resource(ofImage: image.image)
        let count = try await pool.snapshotLimit(ofImage: image.image).count
        if let limit, count > limit {
            throw CephError(.invalidSnapshotLimit, .changeImage, on: resource, detail: "it has \(count)")
        }
        try await requireNoLock(image, in: pool)
        return Plan.Step(.setSnapshotLimit, image.description, detail: limit.map { "to \($0)" } ?? "to none")
    }

    /// Finds a snapshot that callers may change: one that a user created.
    func findOwn(
        _ name: String,
        _ operation: CephError.Operation,
        of image: ImageSpec
    ) async throws -> SnapshotInfo {
        let snapshot = try await find(name, of: image)
        guard snapshot.kind == .user else {
            let resource = try pool(of: image).resource(ofSnapshot: name, image: image.image)
            throw CephError(.snapshotManaged, operation, on: resource, detail: snapshot.seen().keeper)
        }
        return snapshot
    }

    /// Refuses a change of a locked image. An advisory lock prevents every change of snapshots; watchers do not.
    private func requireNoLock(_ image: ImageSpec, in pool: Ceph.Pool) async throws {
        var use = try await pool.use(ofImage: image.image)
        use.watchers = []
        guard let problem = Problem(changing: image, use),
            try await pool.image(named: image.image).features.contains(.exclusiveLock)
        else { return }
        throw problem
    }
}
