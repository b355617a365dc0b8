// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

import Ceph
import FoundationEssentials
import Naming
import RBDAPI

/// The rules of snapshots, and of their clones.
struct SnapshotService: Sendable {
    let images: ImageAccess
    let work: ImageWorkService

    // MARK: Reading

    func list(_ image: ImageSpec, withUsage: Bool) async throws -> ImageSnapshots {
        let pool = try pool(of: image)
        let snapshots = try await pool.snapshots(ofImage: image.image)
        let usage = withUsage ? try await pool.usage(ofSnapshotsOf: image.image) : [:]
        return ImageSnapshots(items: snapshots.map { Snapshot($0, of: image, usage: usage[$0.id]) })
    }

    func get(_ name: String, of image: ImageSpec, withUsage: Bool) async throws -> Snapshot {
        let pool = try pool(of: image)
        let snapshot = try await find(name, of: image)
        let usage = withUsage ? try await pool.usage(ofSnapshotsOf: image.image, only: snapshot.id) : [:]
        return Snapshot(snapshot, of: image, usage: usage[snapshot.id])
    }

    func limit(of image: ImageSpec) async throws -> SnapshotLimit {
        let (limit, count) = try await pool(of: image).snapshotLimit(ofImage: image.image)
        return SnapshotLimit(limit: limit, snapshotCount: count)
    }

    func children(of image: ImageSpec, snapshot: String?) async throws -> ImageChildren {
        ImageChildren(
            items: try await pool(of: image).clones(ofImage: image.image, snapshot: snapshot).map(ImageChild.init)
        )
    }

    func ancestors(of image: ImageSpec) async throws -> ImageAncestry {
        ImageAncestry(items: try await pool(of: image).ancestors(ofImage: image.image).map(ParentImage.init))
    }

    // MARK: Changing

    func create(_ name: String, of image: ImageSpec, isDryRun: Bool) async throws -> Attempt<Snapshot> {
        try ImageRules.checkName(name, field: "name", what: "snapshot")
        if isDryRun { return Attempt(try await step(creating: name, of: image)) }
        return try await changingClaimed(image, .createSnapshot) { pool in
            let snapshot = try await pool.createSnapshot(named: name, ofImage: image.image)
            if snapshot.lacksObjectMap { try await completeObjectMap(of: snapshot, image, in: pool) }
            return .done(Snapshot(snapshot, of: image, usage: nil))
        }
    }

    /// Has the missing object map of a snapshot rebuilt in the background. Without it the snapshot is complete, only
    /// slower. In a full pool the map can't be rebuilt. Then the snapshot is removed again, which needs no free space.
    /// - Throws: `CephError` with `.poolFull`.
    private func completeObjectMap(of snapshot: SnapshotInfo, _ image: ImageSpec, in pool: Ceph.Pool) async throws {
        let resource = pool.resource(ofSnapshot: snapshot.name, image: image.image)
        let full = CephError(.poolFull, .createSnapshot, on: resource)
        if await PoolFullness(pool).problem(full) != nil {
            try await pool.removeSnapshot(named: snapshot.name, ofImage: image.image, evenIfCloned: false)
            throw full
        }
        do {
            let id = try await pool.image(named: image.image).id
            _ = try await work.operations.store.create(RebuildObjectMap(), on: image, imageID: id)
        } catch is Problem {
            // Another operation on the image is not finished. The snapshot stays slower.
        }
    }

    func change(
        _ name: String,
        _ changes: SnapshotChanges,
        of image: ImageSpec,
        isDryRun: Bool
    ) async throws -> Attempt<Snapshot> {
        if let newName = changes.name, newName != name {
            try ImageRules.checkName(newName, field: "name", what: "snapshot")
        }
        if isDryRun { return Attempt(try await steps(changing: name, changes, of: image)) }
        return try await changingClaimed(image, .changeSnapshot) { pool in
            do {
                let snapshot = try await pool.changeSnapshot(
                    named: name,
                    ofImage: image.image,
                    newName: changes.name,
                    isProtected: changes.protected
                )
                return .done(Snapshot(snapshot, of: image, usage: nil))
            } catch let error as CephError where error.code == .snapshotHasClones {
                throw await refusal(error, name, of: image, in: pool)
            } catch let error as CephError where error.code == .snapshotManaged {
                // This error names what manages the snapshot, as far as the caller may know it.
                _ = try await findOwn(name, error.operation, of: image)
                throw error
            }
        }
    }

    func delete(
        _ name: String,
        of image: ImageSpec,
        evenIfCloned: Bool,
        isDryRun: Bool
    ) async throws -> Attempt<Void> {
        if isDryRun { return .planned(try await deletionPlan(of: name, of: image, evenIfCloned: evenIfCloned)) }
        return try await changingClaimed(image, .removeSnapshot) { pool in
            // Without the snapshot, an interrupted rollback could never be completed.
            let id = try await pool.image(named: image.image).id
            try await work.operations.store.requireNoOperation(.rollBackImage, onImage: id, spec: image)
            do {
                try await pool.removeSnapshot(named: name, ofImage: image.image, evenIfCloned: evenIfCloned)
                return .done(())
            } catch let error as CephError where error.code == .snapshotHasClones || error.code == .snapshotProtected {
                throw await refusal(error, name, of: image, in: pool)
            } catch let error as CephError where error.code == .snapshotManaged {
                // This error names what manages the snapshot, as far as the caller may know it.
                _ = try await findOwn(name, error.operation, of: image)
                throw error
            }
        }
    }

    func setLimit(of image: ImageSpec, to limit: UInt64?, isDryRun: Bool) async throws -> Attempt<SnapshotLimit> {
        // librbd uses the largest number for no limit.
        if let limit, limit > UInt64(Int64.max) {
            throw Problem(.invalidSnapshotLimit, "limit", "it must be from 0 to \(Int64.max), or null for none")
        }
        if isDryRun { return Attempt(try await step(limiting: image, to: limit)) }
        return try await changingClaimed(image, .changeImage) { pool in
            try await pool.setSnapshotLimit(ofImage: image.image, to: limit)
            let (limit, count) = try await pool.snapshotLimit(ofImage: image.image)
            return .done(SnapshotLimit(limit: limit, snapshotCount: count))
        }
    }

    // MARK: Parts

    func pool(of image: ImageSpec) throws -> Ceph.Pool {
        try images.pool(image.place)
    }

    /// Finds a snapshot, whatever created it. If several have the name, it is the one that a user created.
    func find(_ name: String, of image: ImageSpec) async throws -> SnapshotInfo {
        let pool = try pool(of: image)
        let named = try await pool.snapshots(ofImage: image.image).filter { $0.name == name }
        guard let snapshot = named.first(where: { $0.kind == .user }) ?? named.first else {
            throw CephError(.snapshotNotFound, .readImage, on: pool.resource(ofSnapshot: name, image: image.image))
        }
        return snapshot
    }

    /// The refusal to change a protected or cloned snapshot. It names the clones that need it.
    func refusal(_ error: CephError, _ name: String, of image: ImageSpec, in pool: Ceph.Pool) async -> Problem {
        var problem = Problem(error)
        let spec = SnapshotSpec(image: image, snapshot: name)
        guard let clones = try? await pool.clones(ofImage: image.image, snapshot: name) else { return problem }
        if !clones.isEmpty {
            problem.detail += "; \(Problem.count(clones, "clone")) need\(clones.count == 1 ? "s" : "") it"
            problem.blockers = clones.map { Problem.Blocker(.clone, name: ImageChild($0).spec) }
        }
        switch error.code {
        case .snapshotProtected where clones.isEmpty:
            problem.offer(.unprotect(spec))
        case .snapshotProtected:
            problem.advise("flatten or delete the clones first, then unprotect the snapshot")
        case .snapshotHasClones where error.operation == .changeSnapshot:
            problem.advise("flatten or delete the clones first: those of format 1 need the protection")
        default:
            problem.offer(.confirmDeletionDespiteClones)
        }
        return problem
    }

    /// Changes an image under a claim. If the image is busy, the error names the clients that use it.
    func changingClaimed<Value: Sendable>(
        _ image: ImageSpec,
        _ operation: CephError.Operation,
        _ body: (Ceph.Pool) async throws -> Value
    ) async throws -> Value {
        try await images.changing(image.image, in: image.place, operation) { _ in
            let pool = try pool(of: image)
            return try await images.reportingUsers(of: image.image, in: image.place) { try await body(pool) }
        }
    }
}

extension Snapshot {
    init(_ info: SnapshotInfo, of image: ImageSpec, usage: SnapshotUsage?) {
        self.init(
            spec: SnapshotSpec(image: image, snapshot: info.name),
            id: info.id,
            kind: info.kind.rawValue,
            origin: info.origin,
            sizeBytes: info.sizeBytes,
            createdAt: info.createdAt.map { $0.formatted(.iso8601) },
            protected: info.isProtected,
            usage: usage.map { Usage(usedBytes: $0.usedBytes, approximate: $0.isApproximate) }
        )
    }
}

extension ImageChild {
    init(_ clone: ImageClone) {
        self.init(
            spec: ImageSpec(pool: clone.pool, namespace: clone.namespace, image: clone.image),
            imageID: clone.imageID,
            snapshot: clone.snapshot,
            inTrash: clone.isInTrash
        )
    }
}

extension ParentImage {
    init(_ parent: ImageInfo.Parent) {
        self.init(
            spec: ImageSpec(pool: parent.pool, namespace: parent.namespace, image: parent.image),
            imageID: parent.imageID,
            snapshot: parent.snapshot,
            overlapBytes: parent.overlapBytes
        )
    }
}
