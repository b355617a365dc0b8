// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

internal import CRBD
internal import Glibc
import Naming

extension Pool {
    /// The name of a snapshot of this place in errors.
    public func resource(ofSnapshot snapshot: String, image: String) -> CephError.Resource {
        .snapshot(place.image(image).snapshot(snapshot))
    }

    // MARK: Reading

    /// All snapshots of an image, oldest first, including those of groups, and those that were removed while clones
    /// needed them.
    /// - Throws: `CephError` with `.imageNotFound`, `.namespaceNotFound`.
    /// - C function: rbd_open_read_only, rbd_snap_list, rbd_snap_get_namespace_type, rbd_snap_is_protected
    public func snapshots(ofImage image: String) async throws -> [SnapshotInfo] {
        try await withContext(.readImage, on: resource(ofImage: image)) { context throws(CephError) in
            let image = try OpenImage.named(image, in: context)
            return try image.snapshotInfos(rados: context.rados)
        }
    }

    /// The amount of data that each user snapshot holds and the previous one does not, by the snapshots' ids.
    /// - Parameter only: the only snapshot to check, instead of all.
    /// - Returns: no entry for a snapshot that was removed meanwhile.
    /// - Throws: `CephError` with `.imageNotFound`, `.namespaceNotFound`.
    /// - C function: rbd_open_read_only, rbd_snap_set_by_id, rbd_diff_iterate2
    public func usage(ofSnapshotsOf image: String, only: UInt64? = nil) async throws -> [UInt64: SnapshotUsage] {
        let deadline = Deadline.current
        return try await withContext(.readImage, on: resource(ofImage: image), isLong: true) {
            context throws(CephError) in
            let image = try OpenImage.named(image, in: context)
            var usage: [UInt64: SnapshotUsage] = [:]
            var earlier: SnapshotInfo?
            // librbd compares snapshots by name, and finds no others by their names.
            for snapshot in try image.snapshotInfos(rados: context.rados) where snapshot.kind == .user {
                if only == nil || only == snapshot.id {
                    usage[snapshot.id] = try image.usage(of: snapshot, since: earlier, until: deadline)
                }
                earlier = snapshot
            }
            return usage
        }
    }

    /// The maximum number of snapshots of an image, and the number that it has.
    /// - Returns: the limit, which is nil if there is none, and the count. Like Ceph's, the count includes snapshots of
    ///   all kinds.
    /// - Throws: `CephError` with `.imageNotFound`, `.namespaceNotFound`.
    /// - C function: rbd_snap_get_limit, rbd_snap_list
    public func snapshotLimit(ofImage image: String) async throws -> (limit: UInt64?, count: Int) {
        try await withContext(.readImage, on: resource(ofImage: image)) { context throws(CephError) in
            let image = try OpenImage.named(image, in: context)
            return (try image.snapshotLimit(), try image.snapshotCount())
        }
    }

    // MARK: Changing

    /// Takes a snapshot. Clients that have the image open and can pause are asked to do so for a moment. If there is no
    /// room for the object map, or the OSD is slow, librbd silently takes the snapshot without one: see
    /// ``SnapshotInfo/lacksObjectMap``.
    /// - Parameter name: any name that librbd accepts; callers check it with `Names` first.
    /// - Throws: `CephError` with `.snapshotExists`, `.snapshotLimitReached`, `.imageNotFound`, `.imageBusy` (an
    ///   advisory lock), `.namespaceNotFound`, `.poolFull`.
    /// - C function: rbd_snap_create2
    public func createSnapshot(named name: String, ofImage image: String) async throws -> SnapshotInfo {
        let resource = resource(ofSnapshot: name, image: image)
        return try await change(image, .createSnapshot, on: resource) { image, context throws(CephError) in
            let result = rbd_snap_create2(image.pointer, name, 0, LongCall.ignore, nil)
            if result == -EDQUOT, let limit = try image.snapshotLimit(),
                try image.snapshotCount() >= Int(clamping: limit)
            {
                throw CephError(
                    .snapshotLimitReached,
                    .createSnapshot,
                    on: resource,
                    errno: EDQUOT,
                    detail: "the limit is \(limit)"
                )
            }
            try check(result, .createSnapshot, on: resource)
            var snapshot = try Self.readBack(.createSnapshot, on: resource) { () throws(CephError) in
                try image.userSnapshot(named: name, .createSnapshot, on: resource, rados: context.rados)
            }
            snapshot.lacksObjectMap = try image.lacksObjectMap(ofSnapshot: snapshot.id, in: context)
            return snapshot
        }
    }

    /// Renames a snapshot, protects it, or removes its protection. If one change fails, the other is not made.
    /// - Parameters:
    ///   - newName: nil leaves the name as it is.
    ///   - isProtected: nil leaves the protection as it is. It is not an error if the snapshot already has this state.
    /// - Throws: `CephError` with `.snapshotNotFound`, `.snapshotManaged`, `.snapshotExists`, `.snapshotHasClones` (of
    ///   format 1, which need the protection), `.unsupported` (no layering), `.imageNotFound`, `.imageBusy` (an
    ///   advisory lock), `.namespaceNotFound`, `.poolFull`.
    /// - C function: rbd_snap_protect, rbd_snap_unprotect, rbd_snap_rename
    public func changeSnapshot(
        named name: String,
        ofImage image: String,
        newName: String? = nil,
        isProtected: Bool? = nil
    ) async throws -> SnapshotInfo {
        let resource = resource(ofSnapshot: name, image: image)
        let target = newName.map { self.resource(ofSnapshot: $0, image: image) } ?? resource
        return try await change(image, .changeSnapshot, on: resource) { image, context throws(CephError) in
            let before = try image.userSnapshot(named: name, .changeSnapshot, on: resource, rados: context.rados)
            if let isProtected, before.isProtected != isProtected {
                try image.setProtection(of: name, isProtected, on: resource)
            }
            if let newName, newName != name {
                let result = rbd_snap_rename(image.pointer, name, newName)
                if result < 0, let isProtected, before.isProtected != isProtected {
                    try image.setProtection(of: name, before.isProtected, on: resource)
                }
                try check(result, .changeSnapshot, on: result == -EEXIST ? target : resource)
            }
            return try image.userSnapshot(named: newName ?? name, .changeSnapshot, on: target, rados: context.rados)
        }
    }

    /// Removes a snapshot.
    /// - Parameter evenIfCloned: if clones of format 2 need the snapshot, it only loses its name, and is removed with
    ///   the last of them; until then the image can't be removed. Otherwise the snapshot stays as it is.
    /// - Throws: `CephError` with `.snapshotNotFound`, `.snapshotManaged`, `.snapshotProtected`, `.snapshotHasClones`,
    ///   `.imageNotFound`, `.imageBusy` (an advisory lock), `.namespaceNotFound`, `.poolFull`.
    /// - C function: rbd_snap_remove2
    public func removeSnapshot(named name: String, ofImage image: String, evenIfCloned: Bool = false) async throws {
        let resource = resource(ofSnapshot: name, image: image)
        try await change(image, .removeSnapshot, on: resource) { image, context throws(CephError) in
            let snapshot = try image.userSnapshot(named: name, .removeSnapshot, on: resource, rados: context.rados)
            if snapshot.isProtected { throw CephError(.snapshotProtected, .removeSnapshot, on: resource) }
            if !evenIfCloned, try image.hasClones(ofSnapshot: snapshot.id, in: context) {
                throw CephError(.snapshotHasClones, .removeSnapshot, on: resource)
            }
            try check(
                rbd_snap_remove2(image.pointer, name, 0, LongCall.ignore, nil),
                .removeSnapshot,
                on: resource
            )
        }
    }

    /// Completes interrupted removals of snapshots: removes those that have lost their names and that no clone needs.
    /// They can't be restored or cloned, and while they exist the image can't be removed.
    /// - Throws: `CephError` with `.imageNotFound`, `.imageUnreadable`, `.parentNotFound`, `.imageBusy` (an advisory
    ///   lock), `.poolFull`.
    /// - C function: rbd_snap_remove_by_id
    public func removeAbandonedSnapshots(ofImageID id: String) async throws {
        let resource = resource(ofImage: "#\(id)")
        try await withContext(.removeSnapshot, on: resource) { context throws(CephError) in
            // Checked read-only first, because most images have none.
            guard try !OpenImage(id: id, in: context).abandonedSnapshots(in: context).isEmpty else { return }
            let image = try OpenImage(id: id, in: context, to: .write)
            try image.requireNoAdvisoryLock(.removeSnapshot)
            for snapshot in try image.abandonedSnapshots(in: context) {
                let result = rbd_snap_remove_by_id(image.pointer, snapshot)
                // A clone was faster, or another client has removed it.
                if result == -ENOENT || result == -EBUSY { continue }
                try check(result, .removeSnapshot, on: resource)
            }
        }
    }

    /// Sets the maximum number of snapshots of an image.
    /// - Parameter limit: nil for no limit.
    /// - Throws: `CephError` with `.invalidSnapshotLimit` (it has more), `.imageNotFound`, `.imageBusy` (an advisory
    ///   lock), `.namespaceNotFound`, `.poolFull`.
    /// - C function: rbd_snap_set_limit
    public func setSnapshotLimit(ofImage image: String, to limit: UInt64?) async throws {
        let resource = resource(ofImage: image)
        try await change(image, .changeImage, on: resource) { image, _ throws(CephError) in
            let result = rbd_snap_set_limit(image.pointer, limit ?? .max)
            if result == -ERANGE {
                let count = try image.snapshotCount()
                throw CephError(
                    .invalidSnapshotLimit,
                    .changeImage,
                    on: resource,
                    errno: ERANGE,
                    detail: "it has \(count)"
                )
            }
            try check(result, .changeImage, on: resource)
        }
    }

    /// Opens an image for a change in which librbd could hang otherwise.
    private func change<Value: Sendable>(
        _ image: String,
        _ operation: CephError.Operation,
        on resource: CephError.Resource,
        _ body: @escaping @Sendable (borrowing OpenImage, borrowing IOContext) throws(CephError) -> Value
    ) async throws -> Value {
        try await withContext(operation, on: resource) { context throws(CephError) in
            let image = try OpenImage.named(image, in: context, to: .write)
            try image.requireNoAdvisoryLock(operation)
            return try body(image, context)
        }
    }
}

extension OpenImage {
    fileprivate func setProtection(
        of snapshot: String,
        _ isProtected: Bool,
        on resource: CephError.Resource
    ) throws(CephError) {
        if isProtected {
            let result = rbd_snap_protect(pointer, snapshot)
            // Another client has just protected it.
            if result == -EBUSY { return }
            let detail = result == -ENOSYS ? "the image does not have the feature layering" : nil
            if result < 0 { throw CephError(errno: -result, .changeSnapshot, on: resource, detail: detail) }
        } else {
            let result = rbd_snap_unprotect(pointer, snapshot)
            // Another client has just done it.
            if result == -EINVAL { return }
            // Clones of format 1 need the protection.
            if result == -EBUSY { throw CephError(.snapshotHasClones, .changeSnapshot, on: resource, errno: EBUSY) }
            try check(result, .changeSnapshot, on: resource)
        }
    }
}
