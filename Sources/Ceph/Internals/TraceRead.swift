// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

internal import Glibc

/// Reads the traces of an image by its id: three reads in parallel.
struct TraceRead {
    private let id: String
    private let directory: CompoundRead
    private let header = CompoundRead()
    private let trash: TrashRead

    /// Sends the requests.
    /// - C function: rados_aio_read_op_operate (`dir_get_name` of `rbd_directory`, `trash_get` of `rbd_trash`),
    ///   rados_read_op_stat
    init(_ id: String, in context: borrowing IOContext) {
        self.id = id
        directory = CompoundRead(calling: "dir_get_name", input: WireWriter.string(id))
        header.readSize()
        trash = TrashRead(id: id, in: context)
        directory.submit(to: "rbd_directory", in: context)
        header.submit(to: ImageHeader.object(id: id), in: context)
    }

    func answer(on resource: CephError.Resource) throws(CephError) -> ImageStanding.Trace {
        var trace = ImageStanding.Trace(id: id)
        if try directory.isFound(.readImage, on: resource) {
            var reader = directory.output
            guard let name = reader?.text() else {
                throw CephError(.other, .readImage, on: resource, detail: "its name in the directory can't be read")
            }
            trace.directoryName = RawName(bytes: name)
        }
        if try header.isFound(.readImage, on: resource) { trace.headerVersion = header.version }
        trace.trash = try trash.entry(.readImage, on: resource)
        return trace
    }
}
