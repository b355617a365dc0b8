// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

internal import Glibc

/// Reads in parallel the two objects that map a name to an image: the pool's directory, which is authoritative, and
/// `rbd_id.<name>`, which librbd uses to open images.
struct NameRead {
    struct Answer {
        /// The image that has the name; nil if there is none, and for images of the old format 1.
        var directoryID: String?
        /// The id in `rbd_id.<name>`.
        var objectID: String?
    }

    private let directory: CompoundRead
    private let object: CompoundRead

    init(_ name: RawName, in context: borrowing IOContext) {
        directory = CompoundRead(calling: "dir_get_id", input: name.wire)
        object = CompoundRead(calling: "get_id")
        directory.submit(to: "rbd_directory", in: context)
        object.submit(to: name.idObject, in: context)
    }

    func answer(
        _ operation: CephError.Operation = .readImage,
        on resource: CephError.Resource
    ) throws(CephError) -> Answer {
        Answer(
            directoryID: try Self.text(directory, operation, resource),
            objectID: try Self.text(object, operation, resource)
        )
    }

    private static func text(
        _ read: CompoundRead,
        _ operation: CephError.Operation,
        _ resource: CephError.Resource
    ) throws(CephError) -> String? {
        // RADOS limits the length of object names. No image has a longer name.
        if read.wait() == -ENAMETOOLONG { return nil }
        return try read.text(operation, on: resource, orElse: "whose name it is can't be read")
    }
}
