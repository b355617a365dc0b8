// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

internal import CRados
internal import Glibc

/// Looks up an image's name in the pool's directory.
enum DirectoryRead {
    enum Answer {
        case image(id: String)
        /// An image of the old format 1 may have the name. The directory stores these in another form.
        case perhapsFormat1
        case nobody
    }

    /// - C function: rados_read_op_stat, rados_read_op_operate (`dir_get_id` of `rbd_directory`)
    static func image(
        named name: RawName,
        in context: borrowing IOContext,
        on resource: CephError.Resource,
        _ operation: CephError.Operation = .readImage
    ) throws(CephError) -> Answer {
        let read = CompoundRead(capacity: 1)
        // Images of format 1 are in the directory's data.
        read.readSize()
        let answer = read.call("dir_get_id", input: name.wire, mayFail: true)
        let result = read.operate(on: "rbd_directory", in: context)
        // The pool never had an image.
        if result == -ENOENT { return .nobody }
        try check(result, operation, on: resource)
        switch read.result(answer) {
        case 0...:
            guard var reader = read.output(answer), let id = reader.string() else {
                throw CephError(.other, operation, on: resource, detail: "whose name it is can't be read")
            }
            return .image(id: id)
        case -ENOENT: return read.size > 0 ? .perhapsFormat1 : .nobody
        case let failure: throw CephError(errno: -failure, operation, on: resource)
        }
    }
}
