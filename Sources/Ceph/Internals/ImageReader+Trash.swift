// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

internal import Glibc
import Naming

/// The pool's trash. A removal first moves the image there, marked as being removed. After an interrupted removal,
/// `rbd_list2` still lists the image, and `rbd_trash_list` hides it. This code finds it.
extension ImageReader {
    /// The number of entries per round trip.
    private static let trashPage: UInt64 = 1024

    /// All entries, sorted by id.
    func trashEntries(_ operation: CephError.Operation) throws(CephError) -> [TrashEntry] {
        let resource = CephError.Resource.pool(context.pool)
        var entries: [TrashEntry] = []
        while true {
            let after = WireWriter.string(entries.last?.id ?? "")
            let read = CompoundRead(calling: "trash_list", input: after + WireWriter.integer(Self.trashPage))
            read.operate(on: "rbd_trash", in: context)
            // A trash that was never used has no object.
            guard try read.isFound(operation, on: resource) else { return entries }
            guard var reader = read.output, let count = reader.integer(UInt32.self) else {
                throw CephError(.other, operation, on: resource, detail: "its trash can't be read")
            }
            for _ in 0..<count {
                guard let id = reader.string(), let entry = TrashEntry(id: id, reader), reader.skipFrame() != nil else {
                    throw CephError(.other, operation, on: resource, detail: "its trash can't be read")
                }
                entries.append(entry)
            }
            if UInt64(count) < Self.trashPage { return entries }
        }
    }

    /// Finds an image by its id, in the directory or in the trash.
    /// - C function: rados_read_op_operate (`dir_get_name` of `rbd_directory`, `trash_get` of `rbd_trash`)
    static func find(id: String, in pool: borrowing IOContext) throws(CephError) -> (name: String, isInTrash: Bool)? {
        let key = WireWriter.string(id)
        let directory = CompoundRead(calling: "dir_get_name", input: key)
        if directory.operate(on: "rbd_directory", in: pool) >= 0, var reader = directory.output {
            return reader.string().map { ($0, false) }
        }
        let resource = CephError.Resource.image(pool.place.image("#\(id)"))
        return try TrashRead(id: id, in: pool).entry(.readImage, on: resource).map { ($0.name, true) }
    }
}

/// A lookup of one image in the trash.
struct TrashRead {
    private let id: String
    private let read: CompoundRead

    init(id: String, in context: borrowing IOContext) {
        self.id = id
        read = CompoundRead(calling: "trash_get", input: WireWriter.string(id))
        read.submit(to: "rbd_trash", in: context)
    }

    /// Waits for the answer.
    /// - Returns: nil if the image is not in the trash.
    func entry(
        _ operation: CephError.Operation,
        on resource: CephError.Resource
    ) throws(CephError) -> TrashEntry? {
        guard try read.isFound(operation, on: resource) else { return nil }
        guard let reader = read.output, let entry = TrashEntry(id: id, reader) else {
            throw CephError(.other, operation, on: resource, detail: "its entry in the trash can't be read")
        }
        return entry
    }
}
