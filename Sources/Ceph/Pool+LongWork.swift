// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

internal import CRBD
internal import Glibc

/// What takes as long as an image has data. Each is made on threads of its own, watched and stopped by its ``LongCall``;
/// each can be begun again after it was stopped or its process died.
extension Pool {
    /// Copies into a clone what it still shares with its parent, and lets go of the parent.
    /// - Throws: `CephError` with `.imageNotFound`, `.imageHasNoParent`, `.imageEncrypted`, `.stopped`, `.poolNotFound`, `.poolFull`,
    ///   `.timedOut`, `.credentialsRefused`, `.clientBlocklisted`.
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
            // Each takes the data of an object from the parent: librbd would have 2 GiB in hand of objects of 32 MiB.
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

    /// How much of its parent's data a flatten has in hand at once.
    private static let flattenBytes: UInt64 = 32 << 20

    /// Gives back the space of blocks that hold nothing but zeros.
    /// - Parameter blockBytes: how large a run of zeros must be; a power of two from 4 KiB to the image's object size.
    /// - Throws: `CephError` with `.imageNotFound`, `.invalidImageOption`, `.stopped`, `.poolNotFound`, `.poolFull`,
    ///   `.timedOut`, `.credentialsRefused`, `.clientBlocklisted`.
    /// - C function: rbd_sparsify_with_progress
    public func sparsifyImage(
        named name: String,
        id: String,
        blockBytes: Int,
        call: LongCall,
        on threads: BlockingPool
    ) async throws {
        try await withOpenImage(name, id, .sparsifyImage, call, threads) { image in
            rbd_sparsify_with_progress(image, blockBytes, LongCall.callback, call.context)
        }
    }

    /// Finds out anew which of the image's objects exist, and which of those of its snapshots that have no map.
    /// - Throws: `CephError` with `.imageNotFound`, `.invalidImageOption` (it has no object map), `.stopped`,
    ///   `.poolNotFound`, `.poolFull`, `.timedOut`, `.credentialsRefused`, `.clientBlocklisted`.
    /// - C function: rbd_rebuild_object_map, rbd_snap_set_by_id
    public func rebuildObjectMap(
        ofImage name: String,
        id: String,
        call: LongCall,
        on threads: BlockingPool
    ) async throws {
        let resource = resource(ofImage: name)
        try await withContext(.rebuildObjectMap, on: resource, through: threads) { context throws(CephError) in
            try call.begin(.rebuildObjectMap, on: resource)
            let image = try OpenImage(id: id, in: context, to: .write)
            func rebuild() throws(CephError) {
                let result = rbd_rebuild_object_map(image.pointer, LongCall.callback, call.context)
                try check(result, .rebuildObjectMap, on: resource)
            }
            try rebuild()
            for snapshot in try image.snapshotsWithoutMaps(in: context) {
                let set = rbd_snap_set_by_id(image.pointer, snapshot)
                if set == -ENOENT { continue }
                try check(set, .rebuildObjectMap, on: resource)
                try rebuild()
            }
        }
    }

    /// Whether a snapshot has no object map, although the image has one: taking it was interrupted.
    /// - Throws: `CephError` with `.imageNotFound`, `.imageUnreadable`, `.parentNotFound`, `.poolNotFound`, `.timedOut`,
    ///   `.credentialsRefused`, `.clientBlocklisted`.
    /// - C function: rbd_open_by_id_read_only, rbd_snap_list, rados_stat
    public func lacksSnapshotMaps(ofImageID id: String) async throws -> Bool {
        try await withContext(.readImage, on: resource(ofImage: "#\(id)")) { context throws(CephError) in
            try !OpenImage(id: id, in: context).snapshotsWithoutMaps(in: context).isEmpty
        }
    }

    /// Makes an image again what it was when the snapshot was taken, its size included. What was written since is lost. An
    /// image that somebody has open is left alone. One whose rollback was stopped is in between, until it is rolled back.
    /// - Parameter snapshotID: what the snapshot is found by; it may be renamed while the work waits for its turn.
    /// - Throws: `CephError` with `.snapshotNotFound`, `.imageNotFound`, `.imageBusy` (open elsewhere, or an advisory lock),
    ///   `.stopped`, `.poolNotFound`, `.poolFull`, `.timedOut`, `.credentialsRefused`, `.clientBlocklisted`.
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
        try await withContext(.rollBackImage, on: resource, through: threads) { context throws(CephError) in
            try call.begin(.rollBackImage, on: resource)
            let image = try OpenImage(id: id, in: context, to: .write)
            try image.requireNobodyElse(.rollBackImage, on: self.resource(ofImage: name), rados: context.rados)
            let snapshots = try image.snapshotInfos(rados: context.rados)
            guard let found = snapshots.first(where: { $0.id == snapshotID && $0.kind == .user }) else {
                throw CephError(.snapshotNotFound, .rollBackImage, on: resource)
            }
            let result = rbd_snap_rollback_with_progress(image.pointer, found.name, LongCall.callback, call.context)
            try check(result, .rollBackImage, on: resource)
        }
    }

    /// Makes an image smaller: what lies beyond is lost. An image that somebody has open is left alone. One whose shrinking
    /// was stopped has its size still, but not all of what is to be cut off.
    /// - Parameter bytes: the new size; an image that is no larger stays as it is.
    /// - Throws: `CephError` with `.imageNotFound`, `.imageBusy` (open elsewhere, or an advisory lock), `.stopped`,
    ///   `.poolNotFound`, `.poolFull`, `.timedOut`, `.credentialsRefused`, `.clientBlocklisted`.
    /// - C function: rbd_resize2
    public func shrinkImage(
        named name: String,
        id: String,
        toBytes bytes: UInt64,
        call: LongCall,
        on threads: BlockingPool
    ) async throws {
        let resource = resource(ofImage: name)
        try await withContext(.changeImage, on: resource, through: threads) { context throws(CephError) in
            try call.begin(.changeImage, on: resource)
            let image = try OpenImage(id: id, in: context, to: .write)
            try image.requireNobodyElse(.changeImage, on: resource, rados: context.rados)
            guard try image.sizeBytes() > bytes else { return }
            let result = rbd_resize2(image.pointer, bytes, true, LongCall.callback, call.context)
            try check(result, .changeImage, on: resource)
        }
    }

    /// - Parameter id: what the image is opened by; it may be renamed while the work waits for its turn.
    private func withOpenImage(
        _ name: String,
        _ id: String,
        _ operation: CephError.Operation,
        _ call: LongCall,
        _ threads: BlockingPool,
        _ body: @escaping @Sendable (rbd_image_t) -> CInt
    ) async throws {
        let resource = resource(ofImage: name)
        try await withContext(operation, on: resource, through: threads) { context throws(CephError) in
            try call.begin(operation, on: resource)
            let image = try OpenImage(id: id, in: context, to: .write)
            try check(body(image.pointer), operation, on: resource)
        }
    }
}

extension OpenImage {
    /// Ends in an error where somebody else has the image open, or has locked it by hand.
    /// - Parameter image: what the error tells of: this one speaks of the image by its id.
    /// - Throws: `CephError` with `.imageBusy`.
    fileprivate func requireNobodyElse(
        _ operation: CephError.Operation,
        on image: CephError.Resource,
        rados: RadosHandle
    ) throws(CephError) {
        do throws(CephError) {
            try requireNoAdvisoryLock(operation)
            // Only now, being a watcher ourselves: whoever opens the image from here on sees it as it becomes.
            try requireNoOtherWatcher(operation, rados: rados)
        } catch  where error.code == .imageBusy {
            throw CephError(.imageBusy, operation, on: image, errno: error.errno, detail: error.detail)
        }
    }
}
