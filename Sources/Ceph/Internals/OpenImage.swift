// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

internal import CRBD
internal import CRados
internal import FoundationEssentials
internal import Glibc
import Naming

/// Owns a `rbd_image_t` for the duration of one blocking call.
struct OpenImage: ~Copyable {
    enum Access {
        /// Without a watcher, so that no other client is affected.
        case read
        /// With a watcher as long as the image is open.
        case write
    }

    let pointer: rbd_image_t
    let resource: CephError.Resource

    /// Opens an image by its name in the pool's directory. librbd would use `rbd_id.<name>`, which an interrupted
    /// rename or restore leaves behind.
    /// - Throws: `CephError` with `.imageNotFound`, `.imageIncomplete`, `.imageUnreadable`, `.parentNotFound`,
    ///   `.namespaceNotFound`.
    /// - C function: rados_read_op_operate (`dir_get_id` of `rbd_directory`), rbd_open_by_id_read_only, rbd_open_by_id
    static func named(
        _ name: String,
        in context: borrowing IOContext,
        to access: Access = .read
    ) throws(CephError) -> OpenImage {
        let resource = CephError.Resource.image(context.place.image(name))
        guard case .image(let id) = try DirectoryRead.image(named: RawName(name), in: context, on: resource) else {
            return try OpenImage(format1: name, in: context, to: access)
        }
        // In flight while the image is opened.
        let trash = TrashRead(id: id, in: context)
        do throws(CephError) {
            let image = try OpenImage(id: id, in: context, to: access, resource: resource)
            if let entry = try trash.entry(.readImage, on: resource), entry.source != .removing {
                throw CephError(.imageNotFound, .readImage, on: resource, detail: "it is in the trash")
            }
            return image
        } catch  where error.code == .imageNotFound && error.errno == ENOENT {
            throw CephError(.imageIncomplete, .readImage, on: resource, errno: error.errno)
        }
    }

    /// Opens an image of the old format 1, which has no id.
    /// - Throws: `CephError` with `.imageNotFound`, `.imageUnreadable`, `.namespaceNotFound`.
    init(
        format1 name: String,
        in context: borrowing IOContext,
        to access: Access = .read
    ) throws(CephError) {
        let resource = CephError.Resource.image(context.place.image(name))
        // Without it, librbd would look for an image of format 2.
        let found = rados_stat(context.pointer, "\(name).rbd", nil, nil)
        if found == -ENOENT { try context.requireNamespace() }
        try check(found == -ENAMETOOLONG ? -ENOENT : found, .readImage, on: resource)
        var opened: rbd_image_t?
        let result =
            switch access {
            case .read: rbd_open_read_only(context.pointer, name, &opened, nil)
            case .write: rbd_open(context.pointer, name, &opened, nil)
            }
        guard result >= 0, let opened else {
            throw Self.unreadable(CephError(errno: -result, .readImage, on: resource))
        }
        pointer = opened
        self.resource = resource
    }

    /// Opens an image by its id. The image may be in the trash.
    /// - Parameter resource: the name of the image in errors; nil for its id.
    /// - Throws: `CephError` with `.imageNotFound`, `.snapshotNotFound`, `.imageUnreadable`, `.parentNotFound`,
    ///   `.namespaceNotFound`.
    init(
        id: String,
        at snapshot: String? = nil,
        in context: borrowing IOContext,
        to access: Access = .read,
        resource: CephError.Resource? = nil
    ) throws(CephError) {
        let resource = resource ?? .image(context.place.image("#\(id)"))
        var opened: rbd_image_t?
        func open() -> CInt {
            switch access {
            case .read: rbd_open_by_id_read_only(context.pointer, id, &opened, snapshot)
            case .write: rbd_open_by_id(context.pointer, id, &opened, snapshot)
            }
        }
        var result = open()
        // The header may have just been written. Without this second attempt, the image would be reported as damaged.
        if result == -ENOENT, snapshot == nil, try TraceRead(id, in: context).answer(on: resource).hasHeader {
            result = open()
        }
        guard result >= 0, let opened else {
            if result == -ENOENT, let snapshot {
                // If the image itself can be opened, the snapshot is missing.
                _ = try OpenImage(id: id, in: context, resource: resource)
                throw CephError(
                    .snapshotNotFound,
                    .readImage,
                    on: .snapshot(context.place.image("#\(id)").snapshot(snapshot)),
                    errno: ENOENT
                )
            }
            throw try Self.refusal(result, of: id, resource, in: context)
        }
        pointer = opened
        self.resource = resource
    }

    /// Why librbd does not open an image. If only its parent is gone or its header is damaged, an error that the image
    /// does not exist would invite callers to take its name.
    private static func refusal(
        _ result: CInt,
        of id: String,
        _ resource: CephError.Resource,
        in context: borrowing IOContext
    ) throws(CephError) -> CephError {
        let error = CephError(errno: result < 0 ? -result : EIO, .readImage, on: resource)
        guard error.code == .imageNotFound else { return unreadable(error) }
        let read = ImageHeader.read(withSnapshots: false)
        let found = read.operate(on: ImageHeader.object(id: id), in: context)
        if found == -ENOENT {
            try context.requireNamespace()
            return error
        }
        try check(found, .readImage, on: resource)
        guard let header = ImageHeader(read, withSnapshots: false), header.parent != nil else {
            return unreadable(error)
        }
        return CephError(.parentNotFound, .readImage, on: resource, errno: error.errno)
    }

    private static func unreadable(_ error: CephError) -> CephError {
        switch error.code {
        case .other, .unsupported, .imageNotFound:
            CephError(.imageUnreadable, error.operation, on: error.resource, errno: error.errno, detail: error.detail)
        default: error
        }
    }

    deinit {
        rbd_close(pointer)
    }

    func use(in context: borrowing IOContext) throws(CephError) -> ImageUse {
        var use = ImageUse()
        use.watchers = try watchers()
        use.locks = try locks()
        let abandoned = try abandonedSnapshots(in: context)
        use.snapshots = try listSnapshots().filter { !abandoned.contains($0.id) }
            .map { ImageUse.Snapshot(name: $0.name, createdAt: snapshotDate(id: $0.id)) }
        use.abandonedSnapshotCount = abandoned.count
        use.group = try group(rados: context.rados, ownPool: context.pool)
        use.isMigrating = try features().contains(.migrating)
        return use
    }

    /// A number that librbd knows of the image.
    func number(
        _ get: (rbd_image_t, UnsafeMutablePointer<UInt64>) -> CInt,
        _ operation: CephError.Operation = .readImage
    ) throws(CephError) -> UInt64 {
        var number: UInt64 = 0
        try check(get(pointer, &number), operation, on: resource)
        return number
    }

    func features() throws(CephError) -> ImageFeatures {
        ImageFeatures(rawValue: try number(rbd_get_features))
    }

    func flags() throws(CephError) -> ImageFlags {
        ImageFlags(rawValue: try number(rbd_get_flags))
    }

    /// How much of the parent the open image or snapshot can still see; 0 without a parent.
    func overlapBytes(_ operation: CephError.Operation = .readImage) throws(CephError) -> UInt64 {
        try number(rbd_get_overlap, operation)
    }

    func watchers() throws(CephError) -> [ImageUse.Watcher] {
        try GrowingRoom.fill(from: 16) {
            rbd_watchers_list(pointer, $0, &$1)
        } then: { (list: UnsafeMutablePointer<rbd_image_watcher_t>, count, result) throws(CephError) in
            try check(result, .readImage, on: resource)
            defer { rbd_watchers_list_cleanup(list, count) }
            return (0..<count).map { index in
                ImageUse.Watcher(
                    client: "client.\(list[index].id)",
                    address: String(cString: list[index].addr),
                    cookie: list[index].cookie
                )
            }
        }
    }

    /// The advisory locks, without those of librbd's own exclusive-lock feature. The latter end with the watcher that
    /// holds them, and librbd itself breaks those that a dead client left.
    func locks() throws(CephError) -> [ImageUse.Lock] {
        try allLocks().filter { !$0.isManaged }
    }

    func allLocks() throws(CephError) -> [ImageUse.Lock] {
        var exclusive: CInt = 0
        // A quarter of the room each for the tag, the clients, their cookies and their addresses.
        var quarter = 0
        return try GrowingRoom.fill(from: 4096) { room, size in
            quarter = size / 4
            var (tag, clients, cookies, addresses) = (quarter, quarter, quarter, quarter)
            let count = rbd_list_lockers(
                pointer,
                &exclusive,
                room,
                &tag,
                room + quarter,
                &clients,
                room + 2 * quarter,
                &cookies,
                room + 3 * quarter,
                &addresses
            )
            size = 4 * max(tag, clients, cookies, addresses)
            return CInt(count)
        } then: { (room: UnsafeMutablePointer<CChar>, _, result) throws(CephError) in
            try check(result, .readImage, on: resource)
            let texts = (1...3).map { part in
                Self.texts(UnsafeBufferPointer(start: room + part * quarter, count: quarter), count: Int(result))
            }
            return (0..<Int(result)).map { index in
                ImageUse.Lock(
                    client: texts[0][index],
                    address: texts[2][index],
                    cookie: texts[1][index],
                    isExclusive: exclusive != 0
                )
            }
        }
    }

    /// Texts one after another, each with its terminating zero. Some may be empty.
    private static func texts(_ room: UnsafeBufferPointer<CChar>, count: Int) -> [String] {
        let parts = room.map { UInt8(bitPattern: $0) }.split(separator: 0, omittingEmptySubsequences: false)
        return (0..<count).map { String(decoding: parts[$0], as: UTF8.self) }
    }

    func listSnapshots() throws(CephError) -> [(id: UInt64, name: String, sizeBytes: UInt64)] {
        try GrowingRoom.fill(from: 16) { room, size in
            var count = CInt(size)
            defer { size = Int(count) }
            return rbd_snap_list(pointer, room, &count)
        } then: { (list: UnsafeMutablePointer<rbd_snap_info_t>, _, result) throws(CephError) in
            try check(result, .readImage, on: resource)
            // Without snapshots, librbd does not change the list: there is nothing to free.
            defer { if result > 0 { rbd_snap_list_end(list) } }
            return (0..<Int(result)).map { (list[$0].id, String(cString: list[$0].name), list[$0].size) }
        }
    }

    func snapshotDate(id: UInt64) -> Date? {
        var time = timespec()
        guard rbd_snap_get_timestamp(pointer, id, &time) >= 0, time.tv_sec > 0 else { return nil }
        return Date(timeIntervalSince1970: Double(time.tv_sec))
    }

    func snapshotCount() throws(CephError) -> Int {
        // For an empty buffer, it answers -ERANGE and the size that it needs, which is one more than the number of
        // snapshots.
        var count: CInt = 0
        let result = rbd_snap_list(pointer, nil, &count)
        if result != -ERANGE { try check(result, .readImage, on: resource) }
        return Int(max(0, count - 1))
    }

    func group(rados: RadosHandle, ownPool: String) throws(CephError) -> ImageUse.Group? {
        var info = rbd_group_info_t()
        let size = MemoryLayout<rbd_group_info_t>.size
        try check(rbd_get_group(pointer, &info, size), .readImage, on: resource)
        defer { rbd_group_info_cleanup(&info, size) }
        guard info.pool >= 0, let name = info.name, name.pointee != 0 else { return nil }
        // The group is returned even if its pool's name can't be found.
        return ImageUse.Group(name: String(cString: name), pool: (try? rados.poolName(id: info.pool)) ?? ownPool)
    }
}
