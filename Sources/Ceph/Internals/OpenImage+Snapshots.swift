// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

internal import CRBD
internal import CRados
internal import FoundationEssentials
internal import Glibc
import Naming

extension OpenImage {
    /// All snapshots of all kinds, oldest first.
    /// - C function: rbd_snap_list, rbd_snap_get_timestamp, rbd_snap_get_namespace_type, rbd_snap_is_protected
    func snapshotInfos(rados: RadosHandle) throws(CephError) -> [SnapshotInfo] {
        var infos: [SnapshotInfo] = []
        for snapshot in try listSnapshots() {
            guard let type = try namespaceType(ofSnapshot: snapshot.id) else { continue }
            var info = SnapshotInfo(
                id: snapshot.id,
                name: snapshot.name,
                kind: Self.kind(type),
                sizeBytes: snapshot.sizeBytes,
                createdAt: snapshotDate(id: snapshot.id)
            )
            switch info.kind {
            case .user:
                var isProtected: CInt = 0
                let result = rbd_snap_is_protected(pointer, snapshot.name, &isProtected)
                if result == -ENOENT { continue }
                try check(result, .readImage, on: resource)
                info.isProtected = isProtected != 0
            case .trash: info.origin = originalName(ofSnapshot: snapshot.id)
            case .group: info.origin = groupSnapshot(ofSnapshot: snapshot.id, rados: rados)
            case .mirror, .unknown: break
            }
            infos.append(info)
        }
        return infos.sorted { $0.id < $1.id }
    }

    /// Snapshots that were removed while clones needed them, or whose removal was interrupted, and that no clone needs
    /// any more.
    /// - C function: rbd_snap_list, rbd_snap_get_namespace_type, rados_read_op_operate (`children_list` of
    ///   `rbd_header.<id>`)
    func abandonedSnapshots(in context: borrowing IOContext) throws(CephError) -> Set<UInt64> {
        var abandoned: Set<UInt64> = []
        for snapshot in try listSnapshots() {
            guard let type = try namespaceType(ofSnapshot: snapshot.id), type == RBD_SNAP_NAMESPACE_TYPE_TRASH else {
                continue
            }
            if try !hasClones(ofSnapshot: snapshot.id, in: context) { abandoned.insert(snapshot.id) }
        }
        return abandoned
    }

    /// Finds a snapshot that callers may change.
    /// - Throws: `CephError` with `.snapshotNotFound`; `.snapshotManaged` if it belongs to Ceph itself or to a group.
    ///   The error does not name the group, because not every caller may know of it.
    func userSnapshot(
        named name: String,
        _ operation: CephError.Operation,
        on resource: CephError.Resource,
        rados: RadosHandle
    ) throws(CephError) -> SnapshotInfo {
        let named = try snapshotInfos(rados: rados).filter { $0.name == name }
        if let snapshot = named.first(where: { $0.kind == .user }) { return snapshot }
        guard var other = named.first else { throw CephError(.snapshotNotFound, operation, on: resource) }
        if other.kind == .group { other.origin = nil }
        throw CephError(.snapshotManaged, operation, on: resource, detail: other.keeper)
    }

    /// - Returns: nil if there is no limit.
    func snapshotLimit() throws(CephError) -> UInt64? {
        let limit = try number(rbd_snap_get_limit)
        return limit == .max ? nil : limit
    }

    /// Throws if an advisory lock blocks the change. With the feature exclusive-lock, the advisory lock takes the place
    /// of librbd's own lock: some changes would then wait forever, others would fail with the error that the image is
    /// read-only.
    /// - Throws: `CephError` with `.imageBusy`.
    /// - C function: rbd_list_lockers
    func requireNoAdvisoryLock(_ operation: CephError.Operation) throws(CephError) {
        guard try features().contains(.exclusiveLock), let lock = try locks().first else { return }
        throw CephError(.imageBusy, operation, on: resource, detail: "\(lock.client) holds the lock \"\(lock.cookie)\"")
    }

    /// Throws if another client has the image open.
    /// - Throws: `CephError` with `.imageBusy`.
    /// - C function: rbd_watchers_list, rados_get_instance_id
    func requireNoOtherWatcher(_ operation: CephError.Operation, rados: RadosHandle) throws(CephError) {
        let own = rados.client
        let watchers = try watchers()
        // One of this connection's watchers is this very handle.
        let others = watchers.filter { $0.client != own }.count + max(0, watchers.filter { $0.client == own }.count - 1)
        guard others > 0 else { return }
        throw CephError(.imageBusy, operation, on: resource)
    }

    /// Whether the object map of a new snapshot is missing. In a full pool, librbd takes the snapshot and silently
    /// fails to create its map.
    func lacksObjectMap(ofSnapshot snapshot: UInt64, in context: borrowing IOContext) throws(CephError) -> Bool {
        guard try features().contains(.objectMap), let id = try imageID() else { return false }
        // If the image itself has no valid map, its snapshots get none.
        guard try !flags().contains(.objectMapInvalid) else { return false }
        let number = String(snapshot, radix: 16)
        let object = "rbd_object_map.\(id).\(String(repeating: "0", count: 16 - number.count))\(number)"
        let result = rados_stat(context.pointer, object, nil, nil)
        if result == -ENOENT { return true }
        try check(result, .readImage, on: resource)
        return false
    }

    func snapshotsWithoutMaps(in context: borrowing IOContext) throws(CephError) -> [UInt64] {
        var found: [UInt64] = []
        for snapshot in try listSnapshots() where try lacksObjectMap(ofSnapshot: snapshot.id, in: context) {
            found.append(snapshot.id)
        }
        return found
    }

    /// - Returns: nil if the snapshot was just removed.
    private func namespaceType(ofSnapshot id: UInt64) throws(CephError) -> rbd_snap_namespace_type_t? {
        var type = RBD_SNAP_NAMESPACE_TYPE_USER
        let result = rbd_snap_get_namespace_type(pointer, id, &type)
        if result == -ENOENT { return nil }
        try check(result, .readImage, on: resource)
        return type
    }

    private static func kind(_ type: rbd_snap_namespace_type_t) -> SnapshotInfo.Kind {
        switch type {
        case RBD_SNAP_NAMESPACE_TYPE_USER: .user
        case RBD_SNAP_NAMESPACE_TYPE_GROUP: .group
        case RBD_SNAP_NAMESPACE_TYPE_TRASH: .trash
        case RBD_SNAP_NAMESPACE_TYPE_MIRROR: .mirror
        default: .unknown
        }
    }

    private func originalName(ofSnapshot id: UInt64) -> String? {
        // This function does not say what size it needs.
        try? GrowingRoom.fill(from: 256) {
            rbd_snap_get_trash_namespace(pointer, id, $0, $1)
        } then: { (name: UnsafeMutablePointer<CChar>, _, result) throws(CephError) in
            try check(result, .readImage, on: resource)
            return String(cString: name)
        }
    }

    private func groupSnapshot(ofSnapshot id: UInt64, rados: RadosHandle) -> String? {
        var group = rbd_snap_group_namespace_t()
        let size = MemoryLayout<rbd_snap_group_namespace_t>.size
        guard rbd_snap_get_group_namespace(pointer, id, &group, size) >= 0 else { return nil }
        defer { rbd_snap_group_namespace_cleanup(&group, size) }
        let pool = (try? rados.poolName(id: group.group_pool)) ?? "#\(group.group_pool)"
        // A group is in the namespace of its images.
        let place = Place(pool: pool, namespace: resource.place?.namespace ?? "")
        return place.group(String(cString: group.group_name)).snapshot(String(cString: group.group_snap_name))
            .description
    }
}

extension RadosHandle {
    /// The number in Ceph's name of this connection, `client.4123`.
    var instanceID: UInt64 { rados_get_instance_id(pointer) }
}
