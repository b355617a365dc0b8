// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

internal import CRBD
internal import Glibc

/// Work whose duration depends on the amount of data in an image. It runs on its own threads, and its ``LongCall``
/// observes and stops it. All of it can be started again after it was stopped or its process died.
extension Pool {
    /// Copies the data that a clone still shares with its parent into the clone, and detaches it from the parent.
    /// - Throws: `CephError` with `.imageNotFound`, `.imageHasNoParent`, `.imageEncrypted`, `.stopped`, `.poolFull`.
    /// - C function: rbd_flatten_with_progress, rbd_read
    public func flattenImage(
        named name: String,
        id: String,
        call: LongCall,
        on threads: BlockingPool
    ) async throws {
        let resource = resource(ofImage: name)
        try await withContext(.flattenImage, on: resource, through: threads) { context throws(CephError) in
            try call.begin(.flattenImage, on: resource)
            let objectBytes = try OpenImage(id: id, in: context).stat().obj_size
            // Each takes the data of an object from the parent. For objects of 32 MiB, librbd would have 2 GiB in
            // memory.
            let limit = ManagementLimit(to: max(1, Self.flattenBytes / objectBytes), for: call, on: context.rados)
            let image = try OpenImage(id: id, in: context, to: .write)
            try image.requireNoKeyOfItsOwn(.flattenImage, on: resource)
            let result = withExtendedLifetime(limit) {
                rbd_flatten_with_progress(image.pointer, ManagementLimit.callback, limit.context)
            }
            limit.end()
            try check(result, .flattenImage, on: resource)
        }
    }

    /// How much of its parent's data a flatten has in memory.
    private static let flattenBytes: UInt64 = 32 << 20

    /// Frees the space of blocks that contain only zeros.
    /// - Parameter blockBytes: the minimum length of a run of zeros: a power of two from 4 KiB to the image's object
    ///   size.
    /// - Throws: `CephError` with `.imageNotFound`, `.invalidImageOption`, `.stopped`, `.poolFull`.
    /// - C function: rbd_sparsify_with_progress
    public func sparsifyImage(
        named name: String,
        id: String,
        blockBytes: Int,
        call: LongCall,
        on threads: BlockingPool
    ) async throws {
        let resource = resource(ofImage: name)
        try await withOpenImage(id, .sparsifyImage, on: resource, call, threads) { image, _ throws(CephError) in
            let result = rbd_sparsify_with_progress(image.pointer, blockBytes, LongCall.callback, call.context)
            try check(result, .sparsifyImage, on: resource)
        }
    }

    /// Checks again which of the image's objects exist. Does the same for its snapshots that have no object map.
    /// - Throws: `CephError` with `.imageNotFound`, `.invalidImageOption` (it has no object map), `.stopped`,
    ///   `.poolFull`.
    /// - C function: rbd_rebuild_object_map, rbd_snap_set_by_id
    public func rebuildObjectMap(
        ofImage name: String,
        id: String,
        call: LongCall,
        on threads: BlockingPool
    ) async throws {
        let resource = resource(ofImage: name)
        try await withOpenImage(id, .rebuildObjectMap, on: resource, call, threads) {
            image,
            context throws(CephError) in
            let pointer = image.pointer
            func rebuild() throws(CephError) {
                let result = rbd_rebuild_object_map(pointer, LongCall.callback, call.context)
                try check(result, .rebuildObjectMap, on: resource)
            }
            try rebuild()
            for snapshot in try image.snapshotsWithoutMaps(in: context) {
                let set = rbd_snap_set_by_id(pointer, snapshot)
                if set == -ENOENT { continue }
                try check(set, .rebuildObjectMap, on: resource)
                try rebuild()
            }
        }
    }

    /// Whether a snapshot has no object map although the image has one, because taking the snapshot was interrupted.
    /// - Throws: `CephError` with `.imageNotFound`, `.imageUnreadable`, `.parentNotFound`.
    /// - C function: rbd_open_by_id_read_only, rbd_snap_list, rados_stat
    public func lacksSnapshotMaps(ofImageID id: String) async throws -> Bool {
        try await withContext(.readImage, on: resource(ofImage: "#\(id)")) { context throws(CephError) in
            try !OpenImage(id: id, in: context).snapshotsWithoutMaps(in: context).isEmpty
        }
    }

    /// Restores an image to its state when the snapshot was taken, including its size. Everything written since is
    /// lost. An image that a client has open is not changed. After a stopped rollback, the image is in a mixed state
    /// until it is rolled back completely.
    /// - Parameter snapshotID: identifies the snapshot, which may be renamed while the work waits for its turn.
    /// - Throws: `CephError` with `.snapshotNotFound`, `.imageNotFound`, `.imageBusy` (open elsewhere, or an advisory
    ///   lock), `.stopped`, `.poolFull`.
    /// - C function: rbd_watchers_list, rbd_list_lockers, rbd_snap_rollback_with_progress
    public func rollBackImage(
        named name: String,
        id: String,
        toSnapshot snapshot: String,
        snapshotID: UInt64,
        call: LongCall,
        on threads: BlockingPool
    ) async throws {
        let resource = resource(ofSnapshot: snapshot, image: name)
        try await withOpenImage(id, .rollBackImage, on: resource, call, threads) { image, context throws(CephError) in
            try image.requireNobodyElse(.rollBackImage, on: self.resource(ofImage: name), rados: context.rados)
            let snapshots = try image.snapshotInfos(rados: context.rados)
            guard let found = snapshots.first(where: { $0.id == snapshotID && $0.kind == .user }) else {
                throw CephError(.snapshotNotFound, .rollBackImage, on: resource)
            }
            let result = rbd_snap_rollback_with_progress(image.pointer, found.name, LongCall.callback, call.context)
            try check(result, .rollBackImage, on: resource)
        }
    }

    /// Shrinks an image: the data beyond the new size is lost. An image that a client has open is not changed. After a
    /// stopped shrink, the image still has its old size, but part of the data beyond the new size is gone.
    /// - Parameter bytes: the new size; an image that is no larger stays as it is.
    /// - Throws: `CephError` with `.imageNotFound`, `.imageBusy` (open elsewhere, or an advisory lock), `.stopped`,
    ///   `.poolFull`.
    /// - C function: rbd_resize2
    public func shrinkImage(
        named name: String,
        id: String,
        toBytes bytes: UInt64,
        call: LongCall,
        on threads: BlockingPool
    ) async throws {
        let resource = resource(ofImage: name)
        try await withOpenImage(id, .changeImage, on: resource, call, threads) { image, context throws(CephError) in
            try image.requireNobodyElse(.changeImage, on: resource, rados: context.rados)
            guard try image.sizeBytes() > bytes else { return }
            let result = rbd_resize2(image.pointer, bytes, true, LongCall.callback, call.context)
            try check(result, .changeImage, on: resource)
        }
    }

    /// - Parameter id: identifies the image, which may be renamed while the work waits for its turn.
    private func withOpenImage(
        _ id: String,
        _ operation: CephError.Operation,
        on resource: CephError.Resource,
        _ call: LongCall,
        _ threads: BlockingPool,
        _ body: @escaping @Sendable (borrowing OpenImage, borrowing IOContext) throws(CephError) -> Void
    ) async throws {
        try await withContext(operation, on: resource, through: threads) { context throws(CephError) in
            try call.begin(operation, on: resource)
            let image = try OpenImage(id: id, in: context, to: .write)
            try body(image, context)
        }
    }
}

extension OpenImage {
    /// Throws if another client has the image open, or holds an advisory lock on it.
    /// - Parameter image: the resource for the error, because this one has the image's id.
    /// - Throws: `CephError` with `.imageBusy`.
    fileprivate func requireNobodyElse(
        _ operation: CephError.Operation,
        on image: CephError.Resource,
        rados: RadosHandle
    ) throws(CephError) {
        do throws(CephError) {
            try requireNoAdvisoryLock(operation)
            // Checked only now, when this call is a watcher itself: any client that opens the image from here on sees
            // the result.
            try requireNoOtherWatcher(operation, rados: rados)
        } catch  where error.code == .imageBusy {
            throw CephError(.imageBusy, operation, on: image, errno: error.errno, detail: error.detail)
        }
    }
}
