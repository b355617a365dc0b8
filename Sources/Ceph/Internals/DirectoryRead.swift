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
        let read = CompoundRead()
        // Images of format 1 are in the directory's data.
        read.readSize()
        read.call("dir_get_id", input: name.wire, mayFail: true)
        read.operate(on: "rbd_directory", in: context)
        // Otherwise the pool never had an image.
        guard try read.isFound(operation, on: resource) else { return .nobody }
        switch read.result {
        case 0...:
            guard var reader = read.output, let id = reader.string() else {
                throw CephError(.other, operation, on: resource, detail: "whose name it is can't be read")
            }
            return .image(id: id)
        case -ENOENT: return read.size > 0 ? .perhapsFormat1 : .nobody
        case let failure: throw CephError(errno: -failure, operation, on: resource)
        }
    }
}
