// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

internal import CRados
internal import Glibc

/// A clone that refers to its parent, but that the parent does not refer to: its creation was interrupted or still
/// runs. The snapshot that it depends on could be removed.
public struct UnattachedClone: Hashable, Sendable {
    public var name: String
    public var imageID: String { clone.imageID }
    var parent: ImageHeader.ParentReference
    var clone: CloneReference
}

extension Pool {
    /// Checks whether a clone's parent refers to the clone.
    /// - Parameter image: as it was just read.
    /// - Returns: nil if it does, and for an image that is not a clone.
    /// - C function: rados_read_op_operate (`children_list`, `get_protection_status` of `rbd_header.<id>`)
    public func unattachedClone(_ image: ImageInfo) async throws -> UnattachedClone? {
        guard image.parent != nil, !image.id.isEmpty else { return nil }
        let resource = resource(ofImage: image.name)
        return try await withContext(.readImage, on: resource) { context throws(CephError) in
            let read = ImageHeader.read(withSnapshots: false)
            read.operate(on: ImageHeader.object(id: image.id), in: context)
            guard try read.isFound(.readImage, on: resource) else { return nil }
            guard let parent = ImageHeader(read, withSnapshots: false)?.parent else { return nil }
            let clone = CloneReference(
                poolID: rados_ioctx_get_id(context.pointer),
                namespace: context.namespace,
                imageID: image.id
            )
            // If the parent's pool is gone, nothing can be repaired.
            guard let place = try context.place(of: parent) else { return nil }
            let known = try place.clones(ofSnapshot: parent.snapshotID, ofImage: parent.imageID, on: resource)
            guard !known.contains(clone) else { return nil }
            // Clones of format 1 are not in this list. Their snapshot is protected, and they lack this feature.
            if !image.features.contains(.operations) {
                let input = WireWriter.integer(parent.snapshotID)
                let status = CompoundRead(calling: "get_protection_status", input: input)
                status.operate(on: ImageHeader.object(id: parent.imageID), in: place)
                guard try status.isFound(.readImage, on: resource) else { return nil }
                guard var reader = status.output, reader.integer(UInt8.self) == 0 else { return nil }
            }
            return UnattachedClone(name: image.name, parent: parent, clone: clone)
        }
    }

    /// Completes an interrupted clone: records in both headers that one is a clone of the other. Only for a clone whose
    /// creator is dead: a living creator would find this done, and undo everything.
    /// - Throws: `CephError` with `.sourceNotFound` if the snapshot no longer exists, `.poolFull`.
    /// - C function: rados_write_op_operate (`op_features_set`, `child_attach` of `rbd_header.<id>`)
    public func attach(_ clone: UnattachedClone) async throws {
        let resource = resource(ofImage: clone.name)
        try await withContext(.repairImage, on: resource) { context throws(CephError) in
            let cloneChild: UInt64 = 1 << 1  // RBD_OPERATION_FEATURE_CLONE_CHILD
            let bits = WireWriter.integer(cloneChild) + WireWriter.integer(cloneChild)
            let mark = context.call("op_features_set", of: ImageHeader.object(id: clone.clone.imageID), input: bits)
            try check(mark, .repairImage, on: resource)
            let place = try IOContext(
                poolID: clone.parent.poolID,
                namespace: clone.parent.namespace,
                rados: context.rados
            )
            let child = WireWriter.integer(clone.parent.snapshotID) + clone.clone.wire
            let result = place.call("child_attach", of: ImageHeader.object(id: clone.parent.imageID), input: child)
            if result == -EEXIST { return }
            if result == -ENOENT { throw CephError(.sourceNotFound, .repairImage, on: resource, errno: ENOENT) }
            try check(result, .repairImage, on: resource)
        }
    }
}

extension IOContext {
    /// - Returns: nil if the parent's pool no longer exists.
    fileprivate func place(of parent: ImageHeader.ParentReference) throws(CephError) -> IOContext? {
        do throws(CephError) {
            return try IOContext(poolID: parent.poolID, namespace: parent.namespace, rados: rados)
        } catch  where error.code == .poolNotFound {
            return nil
        }
    }
}
