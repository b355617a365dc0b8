// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

internal import Glibc

/// A removal first moves the image into the pool's trash, marked as being removed. One that was interrupted stays there:
/// `rbd_list2` still lists the image, `rbd_trash_list` hides it.
extension ImageCatalogue {
    /// Entries for each round trip.
    private static let trashPage: UInt64 = 1024

    /// The images whose removal has begun: their names by their ids.
    /// - Throws: `CephError` with `.timedOut`, `.credentialsRefused`, `.clientBlocklisted`.
    /// - C function: rados_read_op_operate (`trash_list` of `rbd_trash`)
    func imagesBeingRemoved() throws(CephError) -> [String: String] {
        var removed: [String: String] = [:]
        var last = ""
        while true {
            let read = CompoundRead(capacity: 1)
            let answer = read.call("trash_list", input: WireWriter.string(last) + WireWriter.integer(Self.trashPage))
            let result = read.operate(on: "rbd_trash", in: context)
            // A pool whose trash was never used has none.
            if result == -ENOENT { return removed }
            let resource = CephError.Resource.pool(context.pool)
            try check(result, .listImages, on: resource)
            guard var reader = read.output(answer), let count = reader.integer(UInt32.self) else {
                throw CephError(.other, .listImages, on: resource, detail: "its trash can't be read")
            }
            for _ in 0..<count {
                guard let id = reader.string() else {
                    throw CephError(.other, .listImages, on: resource, detail: "its trash can't be read")
                }
                if let name = TrashRead.nameBeingRemoved(reader) { removed[id] = name }
                guard reader.skipFrame() != nil else {
                    throw CephError(.other, .listImages, on: resource, detail: "its trash can't be read")
                }
                last = id
            }
            if UInt64(count) < Self.trashPage { return removed }
        }
    }
}

/// Asks the trash for one image.
struct TrashRead {
    /// RBD_TRASH_IMAGE_SOURCE_REMOVING
    private static let removing: UInt8 = 3

    private let read = CompoundRead(capacity: 1)
    private let submitted: CInt

    /// Sends the question.
    /// - C function: rados_aio_read_op_operate (`trash_get` of `rbd_trash`)
    init(id: String, in context: borrowing IOContext) {
        read.call("trash_get", input: WireWriter.string(id))
        submitted = read.submit(to: "rbd_trash", in: context)
    }

    /// Waits for the answer.
    func isBeingRemoved(_ resource: CephError.Resource) throws(CephError) -> Bool {
        try check(submitted, .readImage, on: resource)
        let result = read.wait()
        if result == -ENOENT { return false }
        try check(result, .readImage, on: resource)
        return read.output(0).flatMap(Self.nameBeingRemoved) != nil
    }

    /// - Parameter entry: stands before the entry's frame, which begins with the source and the name.
    /// - Returns: nil where the image is in the trash for another reason.
    static func nameBeingRemoved(_ entry: WireReader) -> String? {
        var entry = entry
        guard entry.enterFrame() != nil, entry.integer(UInt8.self) == removing else { return nil }
        return entry.string()
    }
}
