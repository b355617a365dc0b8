// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

internal import Glibc

/// A read of an image's metadata, which is in flight while other work is done.
struct MetadataRead {
    private static let pageSize: UInt64 = 1024

    private let object: String
    private let read: CompoundRead

    /// Sends the request.
    /// - C function: rados_aio_read_op_operate (`metadata_list` of the header)
    init(id: String, in context: borrowing IOContext) {
        object = ImageHeader.object(id: id)
        read = Self.page(after: "")
        read.submit(to: object, in: context)
    }

    private static func page(after key: String) -> CompoundRead {
        CompoundRead(calling: "metadata_list", input: WireWriter.string(key) + WireWriter.integer(pageSize))
    }

    /// Waits for the answer.
    /// - Returns: an empty result if the image no longer exists.
    func pairs(on resource: CephError.Resource, in context: borrowing IOContext) throws(CephError) -> [String: String] {
        var read = read
        var pairs: [String: String] = [:]
        while true {
            guard try read.isFound(.readImage, on: resource) else { return pairs }
            guard var reader = read.output, let count = reader.integer(UInt32.self) else {
                throw CephError(.other, .readImage, on: resource, detail: "its metadata can't be read")
            }
            var last = ""
            for _ in 0..<count {
                guard let key = reader.string(), let value = reader.string() else {
                    throw CephError(.other, .readImage, on: resource, detail: "its metadata can't be read")
                }
                pairs[key] = value
                last = key
            }
            if UInt64(count) < Self.pageSize { return pairs }
            read = Self.page(after: last)
            read.operate(on: object, in: context)
        }
    }
}
