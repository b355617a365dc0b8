// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import CRBD
import CRados
import Glibc

/// The floor of a list: one call for the names and ids, then one read of each image's header, with many reads in flight
/// at once. The results are neither kept nor formatted nor sent.
extension BareLibrbd {
    /// Names and ids, as librbd returns them.
    final class Specs {
        fileprivate(set) var specs: UnsafeMutablePointer<rbd_image_spec_t>
        fileprivate(set) var count = 0

        fileprivate init(capacity: Int) {
            specs = .allocate(capacity: capacity)
        }

        deinit {
            if count > 0 { rbd_image_spec_list_cleanup(specs, count) }
            specs.deallocate()
        }
    }

    /// - Parameter expected: the expected number of images. If there are more, it takes a second call.
    func list(expecting expected: Int) throws -> Specs {
        var capacity = expected
        while true {
            let result = Specs(capacity: max(1, capacity))
            let code = rbd_list2(context, result.specs, &capacity)
            if code == -ERANGE { continue }
            try check(code, "rbd_list2")
            result.count = capacity
            return result
        }
    }

    /// - Returns: the number of images, and the sum of their sizes, which shows that they were read.
    func listWithDetails(expecting expected: Int, window: Int = 64) throws -> (images: Int, bytes: UInt64) {
        let specs = try list(expecting: expected)
        let reads = (0..<max(1, min(window, specs.count))).map { _ in HeaderRead() }
        var bytes: UInt64 = 0
        for index in 0..<(specs.count + reads.count) {
            let read = reads[index % reads.count]
            if index >= reads.count { bytes += try read.finish() }
            if index < specs.count {
                try read.start("rbd_header.\(String(cString: specs.specs[index].id))", in: context)
            }
        }
        return (specs.count, bytes)
    }
}

/// One read of a header object in flight. `rbd_open` and `rbd_stat` need several round trips for the same values.
private final class HeaderRead {
    private struct Output {
        var bytes: UnsafeMutablePointer<CChar>?
        var length = 0
        var result: CInt = 0
    }

    private static let methods = 3
    // librados writes here when it is done, so this memory must not move.
    private let outputs = UnsafeMutablePointer<Output>.allocate(capacity: HeaderRead.methods)
    private var operation: rados_read_op_t?
    private var completion: rados_completion_t?

    init() { outputs.initialize(repeating: Output(), count: Self.methods) }

    deinit {
        if let completion {
            rados_aio_wait_for_complete(completion)
            rados_aio_release(completion)
            rados_release_read_op(operation)
        }
        release()
        outputs.deallocate()
    }

    func start(_ object: String, in context: rados_ioctx_t?) throws {
        operation = rados_create_read_op()
        // The snapshot id -2 means the image itself. The ninth byte of get_features means read-only.
        let head: [UInt8] = [0xFE, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 1]
        add(0, "get_size", head, 8)
        add(1, "get_features", head, 9)
        add(2, "get_snapcontext", head, 0)
        rados_aio_create_completion2(nil, nil, &completion)
        let code = rados_aio_read_op_operate(operation, context, completion, object, 0)
        guard code >= 0 else {
            // The operation was not sent, so its completion never comes.
            rados_aio_release(completion)
            rados_release_read_op(operation)
            completion = nil
            throw ValidationError("rados_aio_read_op_operate \(object): \(code)")
        }
    }

    /// - Returns: the image's size in bytes.
    func finish() throws -> UInt64 {
        rados_aio_wait_for_complete(completion)
        let code = rados_aio_get_return_value(completion)
        rados_aio_release(completion)
        rados_release_read_op(operation)
        completion = nil
        defer { release() }
        // The first byte is the objects' size, the next eight are the image's.
        guard code >= 0, outputs[0].length >= 9, let bytes = outputs[0].bytes else {
            throw ValidationError("a header could not be read: \(code)")
        }
        return UnsafeRawPointer(bytes).loadUnaligned(fromByteOffset: 1, as: UInt64.self)
    }

    private func add(_ index: Int, _ method: String, _ input: [UInt8], _ length: Int) {
        let output = outputs + index
        input.withUnsafeBytes {
            rados_read_op_exec(
                operation,
                "rbd",
                method,
                $0.baseAddress?.assumingMemoryBound(to: CChar.self),
                length,
                &output.pointee.bytes,
                &output.pointee.length,
                &output.pointee.result
            )
        }
    }

    private func release() {
        for index in 0..<Self.methods {
            if let bytes = outputs[index].bytes { rados_buffer_free(bytes) }
            outputs[index] = Output()
        }
    }
}
