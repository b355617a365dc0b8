// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

internal import CRBD
internal import Glibc
import Naming

extension Pool {
    /// The name of a group snapshot of this place in errors.
    public func resource(ofSnapshot snapshot: String, ofGroup group: String) -> CephError.Resource {
        .groupSnapshot(place.group(group).snapshot(snapshot))
    }

    /// Takes a snapshot of all images of a group at one moment. Clients that have an image open are asked to hold their
    /// writes meanwhile. An advisory lock on an image blocks it: check with ``use(ofGroupImages:)`` first.
    /// - Throws: `CephError` with `.groupSnapshotExists`, `.groupNotFound`, `.namespaceNotFound`, `.imageBusy`,
    ///   `.poolFull`.
    /// - C function: rbd_group_snap_create2
    public func createSnapshot(named snapshot: String, ofGroup group: String) async throws -> GroupSnapshotInfo {
        let resource = resource(ofSnapshot: snapshot, ofGroup: group)
        return try await withContext(.changeGroupSnapshots, on: resource) { context throws(CephError) in
            var reader = try GroupReader(named: group, in: context)
            let result = rbd_group_snap_create2(reader.context.pointer, group, snapshot, 0)
            try check(result, .changeGroupSnapshots, on: resource)
            return try reader.snapshot(named: snapshot)
        }
    }

    /// - Throws: `CephError` with `.groupSnapshotNotFound`, `.groupNotFound`, `.namespaceNotFound`.
    /// - C function: rbd_group_snap_remove
    public func removeSnapshot(named snapshot: String, ofGroup group: String) async throws {
        let resource = resource(ofSnapshot: snapshot, ofGroup: group)
        try await withContext(.changeGroupSnapshots, on: resource) { context throws(CephError) in
            let reader = try GroupReader(named: group, in: context)
            let result = rbd_group_snap_remove(reader.context.pointer, group, snapshot)
            try check(result, .changeGroupSnapshots, on: resource)
        }
    }

    /// Restores all images of the group to their state when the snapshot was taken. It takes time in proportion to the
    /// data to copy. librbd would also do it while clients have an image open: check with ``use(ofGroupImages:)``
    /// first.
    /// - Throws: `CephError` with `.groupSnapshotNotFound`, `.groupSnapshotIncomplete`, `.groupChanged` (other images
    ///   than then), `.groupNotFound`, `.namespaceNotFound`, `.imageBusy`, `.poolFull`, `.stopped`.
    /// - C function: rbd_group_snap_rollback_with_progress
    public func rollBack(
        group: String,
        to snapshot: String,
        call: LongCall,
        on threads: BlockingPool
    ) async throws {
        let resource = resource(ofSnapshot: snapshot, ofGroup: group)
        try await withContext(.changeGroupSnapshots, on: resource, through: threads) { context throws(CephError) in
            try call.begin(.changeGroupSnapshots, on: resource)
            var reader = try GroupReader(named: group, in: context)
            let info = try reader.snapshot(named: snapshot)
            guard !info.isIncomplete else {
                throw CephError(.groupSnapshotIncomplete, .changeGroupSnapshots, on: resource)
            }
            // Not every release of librbd checks this.
            let changes = GroupInfo(name: group, id: reader.id, members: try reader.members(), snapshots: [])
                .changes(since: info)
            guard changes.joined.isEmpty, changes.left.isEmpty else {
                throw CephError(.groupChanged, .changeGroupSnapshots, on: resource)
            }
            let result = rbd_group_snap_rollback_with_progress(
                reader.context.pointer,
                group,
                snapshot,
                LongCall.callback,
                call.context
            )
            try check(result, .changeGroupSnapshots, on: resource)
        }
    }

    /// Finds out what uses the images of a group or of its snapshots. Images that no longer exist are left out.
    /// - C function: rbd_open_by_id_read_only, rbd_watchers_list, rbd_list_lockers
    public func use(ofGroupImages images: [GroupImage]) async throws -> [GroupImageUse] {
        try await withContext(.readGroup, on: resource) { context throws(CephError) in
            var uses: [GroupImageUse] = []
            for image in images {
                let pool = try IOContext(poolID: image.poolID, namespace: image.namespace, rados: context.rados)
                do throws(CephError) {
                    let open = try OpenImage(id: image.id, in: pool)
                    uses.append(GroupImageUse(image: image, watchers: try open.watchers(), locks: try open.locks()))
                } catch  where error.code == .imageNotFound {
                    continue
                }
            }
            return uses
        }
    }
}
