// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

internal import Glibc
import Naming

/// Reads a group from its own object, for one blocking call. librbd's lists do not distinguish a group that does not
/// exist from an empty one, do not show which images a snapshot covers, and fail if a single image is in the trash.
struct GroupReader: ~Copyable {
    /// The number of entries per round trip.
    private static let page: UInt64 = 1024
    private static let directory = "rbd_group_directory"

    let context: IOContext
    let name: String
    let id: String
    let resource: CephError.Resource
    private let header: String
    /// By pool and id.
    private var knownImages: [Int64: [String: GroupImage]] = [:]

    /// - Throws: `CephError` with `.groupNotFound`, `.namespaceNotFound`.
    init(named name: String, in context: consuming IOContext) throws(CephError) {
        let resource = CephError.Resource.group(context.place.group(name))
        let read = CompoundRead(calling: "dir_get_id", input: WireWriter.string(name))
        read.operate(on: Self.directory, in: context)
        let found = try read.text(.readGroup, on: resource, orElse: "the answer to dir_get_id can't be read")
        guard let id = found else {
            // Checked only now, because it costs a round trip.
            try context.requireNamespace()
            throw CephError(.groupNotFound, .readGroup, on: resource, errno: ENOENT)
        }
        self.context = context
        self.name = name
        self.id = id
        self.resource = resource
        header = "rbd_group_header.\(id)"
    }

    mutating func members() throws(CephError) -> [GroupMember] {
        var members: [GroupMember] = []
        var last: (id: String, pool: Int64) = ("", -1)
        while true {
            let start = WireWriter.frame(WireWriter.string(last.id) + WireWriter.integer(last.pool))
            let read = ask("group_image_list", start)
            guard try read.isFound(.readGroup, on: resource), var list = read.output,
                let count = list.integer(UInt32.self)
            else { break }
            for _ in 0..<count {
                var status = list
                guard status.enterFrame() != nil else { throw unreadable }
                var spec = status
                guard spec.enterFrame() != nil, let id = spec.string(), let pool = spec.integer(Int64.self),
                    status.skipFrame() != nil, let state = status.integer(UInt8.self), list.skipFrame() != nil
                else { throw unreadable }
                members.append(GroupMember(image: try image(id: id, poolID: pool), isIncomplete: state != 0))
                last = (id, pool)
            }
            if UInt64(count) < Self.page { break }
        }
        return members.sorted { ($0.image.pool, $0.image.name) < ($1.image.pool, $1.image.name) }
    }

    mutating func snapshots() throws(CephError) -> [GroupSnapshotInfo] {
        var snapshots: [GroupSnapshotInfo] = []
        var last = ""
        while true {
            let state: UInt8 = 0
            let start = WireWriter.frame(
                WireWriter.string(last) + WireWriter.string("") + WireWriter.integer(state)
                    + WireWriter.integer(UInt32(0))
            )
            let read = ask("group_snap_list", start)
            guard try read.isFound(.readGroup, on: resource), var list = read.output,
                let count = list.integer(UInt32.self)
            else { break }
            for _ in 0..<count {
                var snapshot = list
                guard snapshot.enterFrame() != nil, let id = snapshot.string(), let name = snapshot.string(),
                    let state = snapshot.integer(UInt8.self), let imageCount = snapshot.integer(UInt32.self)
                else { throw unreadable }
                var images: [GroupImage] = []
                for _ in 0..<imageCount {
                    var image = snapshot
                    guard image.enterFrame() != nil, let pool = image.integer(Int64.self), let id = image.string(),
                        snapshot.skipFrame() != nil
                    else { throw unreadable }
                    images.append(try self.image(id: id, poolID: pool))
                }
                images.sort { ($0.pool, $0.name) < ($1.pool, $1.name) }
                snapshots.append(GroupSnapshotInfo(name: name, id: id, isIncomplete: state != 1, images: images))
                last = id
                guard list.skipFrame() != nil else { throw unreadable }
            }
            if UInt64(count) < Self.page { break }
        }
        return snapshots.sorted { $0.name < $1.name }
    }

    /// - Throws: `CephError` with `.groupSnapshotNotFound`.
    mutating func snapshot(named snapshot: String) throws(CephError) -> GroupSnapshotInfo {
        guard let info = try snapshots().first(where: { $0.name == snapshot }) else {
            throw CephError(.groupSnapshotNotFound, .readGroup, on: resource(ofSnapshot: snapshot), errno: ENOENT)
        }
        return info
    }

    func resource(ofSnapshot snapshot: String) -> CephError.Resource {
        .groupSnapshot(context.place.group(name).snapshot(snapshot))
    }

    private var unreadable: CephError {
        CephError(.other, .readGroup, on: resource, detail: "its record can't be read")
    }

    private func ask(_ method: String, _ start: [UInt8]) -> CompoundRead {
        let read = CompoundRead(calling: method, input: start + WireWriter.integer(Self.page))
        read.operate(on: header, in: context)
        return read
    }

    /// Finds the name for an id. An image that the service may not read is returned by its id.
    private mutating func image(id: String, poolID: Int64) throws(CephError) -> GroupImage {
        if let image = knownImages[poolID]?[id] { return image }
        var image = GroupImage(
            pool: "#\(poolID)",
            namespace: context.namespace,
            name: "#\(id)",
            id: id,
            poolID: poolID
        )
        do {
            let pool = try IOContext(poolID: poolID, namespace: context.namespace, rados: context.rados)
            image.pool = pool.pool
            if let name = try ImageReader.find(id: id, in: pool)?.name { image.name = name }
        } catch  where error.code != .timedOut && error.code != .clientBlocklisted {
            // Handled above.
        }
        knownImages[poolID, default: [:]][id] = image
        return image
    }
}
