// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

internal import CRados
internal import Glibc

/// Finds out what uses an image without opening it. This also works for images that librbd can't open, because the
/// clone's parent is gone, and takes one round trip instead of ten.
extension IOContext {
    /// If nothing uses the image, as with most images that are deleted, one round trip is enough. Otherwise librbd is
    /// asked, because it knows addresses and names. If librbd can't open the image, the result has numbers instead.
    /// - Throws: `CephError` with `.imageNotFound`, `.imageUnreadable`.
    /// - C function: rados_aio_read_op_operate (`get_info` of the class `lock`), rados_notify2
    func use(ofImageID id: String, on resource: CephError.Resource) throws(CephError) -> ImageUse {
        let object = ImageHeader.object(id: id)
        let header = ImageHeader.read(withSnapshots: true)
        header.submit(to: object, in: self)
        let locks = LockRead(of: object, in: self)
        let watchers = try watchers(of: object, on: resource)
        let found = header.wait()
        if found == -ENOENT { try requireNamespace() }
        try check(found, .readImage, on: resource)
        guard let header = ImageHeader(header, withSnapshots: true) else {
            return try OpenImage(id: id, in: self, resource: resource).use(in: self)
        }
        var use = ImageUse()
        use.locks = try locks.answer(on: resource).filter { !$0.isManaged }
        use.watchers = watchers
        use.isMigrating = header.features.contains(.migrating)
        guard !use.watchers.isEmpty || !use.locks.isEmpty || header.snapshotCount > 0 || header.group != nil else {
            return use
        }
        do throws(CephError) {
            return try OpenImage(id: id, in: self, resource: resource).use(in: self)
        } catch  where error.code == .parentNotFound || error.code == .imageUnreadable {
            use.snapshots = (0..<header.snapshotCount).map { ImageUse.Snapshot(name: "#\($0 + 1)", createdAt: nil) }
            use.group = header.group.map { group in
                ImageUse.Group(
                    name: "#\(group.id)",
                    pool: (try? rados.poolName(id: group.poolID)) ?? "#\(group.poolID)"
                )
            }
            return use
        }
    }
}

extension IOContext {
    /// How long a client may take to answer.
    private static let patienceMilliseconds: UInt64 = 1000

    /// The clients that have an image open. They get a notification that its header may have changed, which for RBD
    /// clients is a notification without content. Each client answers, and the OSD returns those that did not answer in
    /// time.
    private func watchers(of object: String, on resource: CephError.Resource) throws(CephError) -> [ImageUse.Watcher] {
        var (reply, length): (UnsafeMutablePointer<CChar>?, Int) = (nil, 0)
        let result = rados_notify2(pointer, object, nil, 0, Self.patienceMilliseconds, &reply, &length)
        defer { if let reply { rados_buffer_free(reply) } }
        if result == -ENOENT { return [] }
        // A timeout of some clients comes with the list of these clients.
        if result != -ETIMEDOUT || reply == nil { try check(result, .readImage, on: resource) }
        guard let found = Self.watchers(WireReader(UnsafeRawBufferPointer(start: reply, count: length))) else {
            throw CephError(.other, .readImage, on: resource, detail: "its clients can't be told")
        }
        return found
    }

    /// The clients that answered: client, cookie, answer. The clients that did not: client, cookie.
    private static func watchers(_ reader: WireReader) -> [ImageUse.Watcher]? {
        var (reader, watchers) = (reader, [ImageUse.Watcher]())
        func watcher(_ client: UInt64, _ cookie: UInt64) -> ImageUse.Watcher {
            ImageUse.Watcher(client: "client.\(client)", address: "", cookie: cookie)
        }
        guard let answers = reader.integer(UInt32.self) else { return nil }
        for _ in 0..<answers {
            guard let client = reader.integer(UInt64.self), let cookie = reader.integer(UInt64.self),
                reader.text() != nil
            else { return nil }
            watchers.append(watcher(client, cookie))
        }
        guard let silent = reader.integer(UInt32.self) else { return nil }
        for _ in 0..<silent {
            guard let client = reader.integer(UInt64.self), let cookie = reader.integer(UInt64.self) else { return nil }
            watchers.append(watcher(client, cookie))
        }
        return watchers
    }
}

/// Reads the locks on an image, including those of librbd itself.
private struct LockRead {
    private static let name = "rbd_lock"
    private static let exclusive: UInt8 = 1

    private let read: CompoundRead

    init(of object: String, in context: borrowing IOContext) {
        let input = WireWriter.frame(WireWriter.string(Self.name))
        read = CompoundRead(calling: "get_info", of: "lock", input: input)
        read.submit(to: object, in: context)
    }

    func answer(on resource: CephError.Resource) throws(CephError) -> [ImageUse.Lock] {
        guard try read.isFound(.readImage, on: resource) else { return [] }
        guard let locks = read.output.flatMap(Self.locks) else {
            throw CephError(.other, .readImage, on: resource, detail: "its locks can't be told")
        }
        return locks
    }

    /// `cls_lock_get_info_reply`: for each holder its number and its cookie, the expiry of its lock, and its address.
    private static func locks(_ reader: WireReader) -> [ImageUse.Lock]? {
        var reader = reader
        guard reader.enterFrame() != nil, let count = reader.integer(UInt32.self) else { return nil }
        var locks: [ImageUse.Lock] = []
        for _ in 0..<count {
            var holder = reader
            guard reader.skipFrame() != nil, reader.skipFrame() != nil, holder.enterFrame() != nil,
                holder.integer(UInt8.self) != nil, let number = holder.integer(Int64.self), let cookie = holder.string()
            else { return nil }
            locks.append(ImageUse.Lock(client: "client.\(number)", address: "", cookie: cookie, isExclusive: false))
        }
        guard let type = reader.integer(UInt8.self) else { return nil }
        for index in locks.indices { locks[index].isExclusive = type == exclusive }
        return locks
    }
}
