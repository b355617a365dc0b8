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

    private let directory = CompoundRead(capacity: 1)
    private let object = CompoundRead(capacity: 1)
    private let submitted: (directory: CInt, object: CInt)

    /// Sends both requests.
    init(_ name: RawName, in context: borrowing IOContext) {
        directory.call("dir_get_id", input: name.wire)
        object.call("get_id")
        submitted = (directory.submit(to: "rbd_directory", in: context), object.submit(to: name.idObject, in: context))
    }

    /// Waits for both answers.
    func answer(
        _ operation: CephError.Operation = .readImage,
        on resource: CephError.Resource
    ) throws(CephError) -> Answer {
        Answer(
            directoryID: try Self.text(directory, submitted.directory, operation, resource),
            objectID: try Self.text(object, submitted.object, operation, resource)
        )
    }

    private static func text(
        _ read: CompoundRead,
        _ submitted: CInt,
        _ operation: CephError.Operation,
        _ resource: CephError.Resource
    ) throws(CephError) -> String? {
        try check(submitted, operation, on: resource)
        let result = read.wait()
        // RADOS limits the length of object names. No image has a longer name.
        if result == -ENOENT || result == -ENAMETOOLONG { return nil }
        try check(result, operation, on: resource)
        guard var reader = read.output(0), let text = reader.string() else {
            throw CephError(.other, operation, on: resource, detail: "whose name it is can't be read")
        }
        return text
    }
}
