// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

internal import Glibc

/// Reads the traces of an image by its id: three reads in parallel.
struct TraceRead {
    private let id: String
    private let directory = CompoundRead(capacity: 1)
    private let header = CompoundRead(capacity: 0)
    private let trash: TrashRead
    private let submitted: (directory: CInt, header: CInt)

    /// Sends the requests.
    /// - C function: rados_aio_read_op_operate (`dir_get_name` of `rbd_directory`, `trash_get` of `rbd_trash`),
    ///   rados_read_op_stat
    init(_ id: String, in context: borrowing IOContext) {
        self.id = id
        directory.call("dir_get_name", input: WireWriter.string(id))
        header.readSize()
        trash = TrashRead(id: id, in: context)
        submitted = (
            directory.submit(to: "rbd_directory", in: context),
            header.submit(to: ImageHeader.object(id: id), in: context)
        )
    }

    /// Waits for the answers.
    func answer(on resource: CephError.Resource) throws(CephError) -> ImageStanding.Trace {
        var trace = ImageStanding.Trace(id: id)
        try check(submitted.directory, .readImage, on: resource)
        let named = directory.wait()
        if named != -ENOENT {
            try check(named, .readImage, on: resource)
            var reader = directory.output(0)
            guard let name = reader?.text() else {
                throw CephError(.other, .readImage, on: resource, detail: "its name in the directory can't be read")
            }
            trace.directoryName = RawName(bytes: name)
        }
        try check(submitted.header, .readImage, on: resource)
        let found = header.wait()
        if found != -ENOENT {
            try check(found, .readImage, on: resource)
            trace.headerVersion = header.version
        }
        trace.trash = try trash.entry(.readImage, on: resource)
        return trace
    }
}
