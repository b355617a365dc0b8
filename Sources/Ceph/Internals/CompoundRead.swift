// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

internal import CRados
internal import Glibc

/// One read operation on one object that calls a method of an object class, and reads values of its omap, in a single
/// round trip.
///
/// The buffers that librados fills must not move until it is done. This class owns them.
final class CompoundRead {
    /// What librados fills in.
    private struct Results {
        /// The answer of the method.
        var answer: UnsafeMutablePointer<CChar>?
        var answerLength = 0
        var answerResult: CInt = 0
        var values: rados_omap_iter_t?
        var valuesResult: CInt = 0
        /// The size of the object's data.
        var size: UInt64 = 0
        /// How much of the data was read.
        var dataLength = 0
    }

    private let operation: rados_read_op_t
    private let results: UnsafeMutablePointer<Results>
    private var isCalling = false
    /// The keys whose values are read.
    private var keys: [StaticString] = []
    private var dataBuffer: UnsafeMutableBufferPointer<CChar>?
    private var completion: rados_completion_t?
    /// The result of an operation that was waited for, or could not be sent.
    private var outcome: CInt = 0
    /// The connection must not be closed while an operation is running.
    private var rados: RadosHandle?

    init() {
        operation = rados_create_read_op()
        results = .allocate(capacity: 1)
        results.initialize(to: Results())
    }

    /// An operation that only calls a method.
    convenience init(calling method: String, of objectClass: String = "rbd", input: [UInt8] = []) {
        self.init()
        call(method, of: objectClass, input: input)
    }

    deinit {
        // A running operation writes into the buffers. It must end before they are freed.
        if let completion {
            rados_aio_wait_for_complete(completion)
            rados_aio_release(completion)
        }
        if let answer = results.pointee.answer { rados_buffer_free(answer) }
        if let values = results.pointee.values { rados_omap_get_end(values) }
        results.deinitialize(count: 1)
        results.deallocate()
        dataBuffer?.deallocate()
        rados_release_read_op(operation)
    }

    /// Adds a call. Only one per operation.
    /// - Parameter mayFail: whether the rest of the operation is done even if the method fails.
    func call(_ method: String, of objectClass: String = "rbd", input: [UInt8] = [], mayFail: Bool = false) {
        precondition(!isCalling, "a method is called already")
        isCalling = true
        input.withUnsafeBytes { bytes in
            // librados copies the input, and stores the three addresses.
            rados_read_op_exec(
                operation,
                objectClass,
                method,
                bytes.baseAddress?.assumingMemoryBound(to: CChar.self),
                bytes.count,
                &results.pointee.answer,
                &results.pointee.answerLength,
                &results.pointee.answerResult
            )
        }
        if mayFail { rados_read_op_set_flags(operation, CInt(LIBRADOS_OP_FLAG_FAILOK)) }
    }

    /// Adds a read of omap values. Only one per operation.
    /// - Parameter keys: sorted by their bytes, like the values.
    func readValues(_ keys: [StaticString]) {
        precondition(self.keys.isEmpty, "values are read already")
        self.keys = keys
        withUnsafeTemporaryAllocation(of: UnsafePointer<CChar>?.self, capacity: keys.count) { names in
            withUnsafeTemporaryAllocation(of: Int.self, capacity: keys.count) { lengths in
                for (index, key) in keys.enumerated() {
                    let bytes = UnsafeRawPointer(key.utf8Start).assumingMemoryBound(to: CChar.self)
                    names.initializeElement(at: index, to: bytes)
                    lengths.initializeElement(at: index, to: key.utf8CodeUnitCount)
                }
                // librados copies the keys, and stores the two addresses.
                rados_read_op_omap_get_vals_by_keys2(
                    operation,
                    names.baseAddress,
                    keys.count,
                    lengths.baseAddress,
                    &results.pointee.values,
                    &results.pointee.valuesResult
                )
            }
        }
    }

    /// Makes the operation fail with -ERANGE or -EOVERFLOW unless the object still has this version.
    func assertVersion(_ version: UInt64) {
        rados_read_op_assert_version(operation, version)
    }

    /// Adds a read of the size of the object's data, without its omap.
    func readSize() {
        rados_read_op_stat(operation, &results.pointee.size, nil, nil)
    }

    /// The result of ``readSize()``, in bytes.
    var size: UInt64 { results.pointee.size }

    /// Adds a read of the beginning of the object's data.
    func readData(upTo length: Int) {
        precondition(dataBuffer == nil, "the data is read already")
        let buffer = UnsafeMutableBufferPointer<CChar>.allocate(capacity: length)
        dataBuffer = buffer
        rados_read_op_read(operation, 0, length, buffer.baseAddress, &results.pointee.dataLength, nil)
    }

    /// The result of ``readData(upTo:)``. Valid as long as this object exists.
    var data: UnsafeRawBufferPointer {
        UnsafeRawBufferPointer(start: dataBuffer?.baseAddress, count: results.pointee.dataLength)
    }

    /// Sends the operation and returns immediately. If it can't be sent, ``wait()`` returns the error.
    /// - C function: rados_aio_create_completion2, rados_aio_read_op_operate
    func submit(to object: String, in context: borrowing IOContext) {
        object.withCString { submit(toObjectNamed: $0, in: context) }
    }

    /// - Parameter object: its name as a C string.
    func submit(to object: [CChar], in context: borrowing IOContext) {
        object.withUnsafeBufferPointer { submit(toObjectNamed: $0.baseAddress, in: context) }
    }

    private func submit(toObjectNamed object: UnsafePointer<CChar>?, in context: borrowing IOContext) {
        var created: rados_completion_t?
        outcome = rados_aio_create_completion2(nil, nil, &created)
        guard outcome >= 0, let created else { return }
        outcome = rados_aio_read_op_operate(operation, context.pointer, created, object, 0)
        guard outcome >= 0 else {
            rados_aio_release(created)
            return
        }
        completion = created
        rados = context.rados
    }

    /// Waits for the answer of a submitted operation.
    /// - Returns: 0 or more, or -errno.
    func wait() -> CInt {
        guard let completion else { return outcome }
        rados_aio_wait_for_complete(completion)
        return rados_aio_get_return_value(completion)
    }

    /// Waits for the answer, if the operation was submitted.
    /// - Returns: false if the object, or what the method looks for in it, does not exist.
    func isFound(_ operation: CephError.Operation, on resource: CephError.Resource) throws(CephError) -> Bool {
        let result = wait()
        if result == -ENOENT { return false }
        try check(result, operation, on: resource)
        return true
    }

    /// The version of the object at the time of the read, after the operation was submitted and waited for.
    var version: UInt64 { completion.map { rados_aio_get_version($0) } ?? 0 }

    /// Sends the operation and waits for it.
    @discardableResult
    func operate(on object: String, in context: borrowing IOContext) -> CInt {
        outcome = rados_read_op_operate(operation, context.pointer, object, 0)
        return outcome
    }

    /// The answer of the method; nil if it failed. Valid as long as this object exists.
    var output: WireReader? { bytes.map { WireReader($0) } }

    /// The answer of the method; nil if it failed. Valid as long as this object exists.
    var bytes: UnsafeRawBufferPointer? {
        guard result >= 0 else { return nil }
        return UnsafeRawBufferPointer(start: results.pointee.answer, count: results.pointee.answerLength)
    }

    /// Waits for the answer, if the operation was submitted. It must be a text.
    /// - Parameter objection: the detail of the error for any other answer.
    /// - Returns: nil if the object, or what the method looks for in it, does not exist.
    func text(
        _ operation: CephError.Operation,
        on resource: CephError.Resource,
        orElse objection: String
    ) throws(CephError) -> String? {
        guard try isFound(operation, on: resource) else { return nil }
        var reader = output
        guard let text = reader?.string() else { throw CephError(.other, operation, on: resource, detail: objection) }
        return text
    }

    /// The result of the method: 0 or more, or -errno.
    var result: CInt { results.pointee.answerResult }

    /// Passes on the values that exist, once, sorted by key: the index of the key, and the value, which is valid as
    /// long as this object exists.
    func forEachValue(_ body: (Int, WireReader) -> Void) {
        guard results.pointee.valuesResult >= 0, let iterator = results.pointee.values else { return }
        let keys = keys
        var next = 0
        while true {
            var (key, value): (UnsafeMutablePointer<CChar>?, UnsafeMutablePointer<CChar>?)
            var (keyLength, valueLength) = (0, 0)
            guard rados_omap_get_next2(iterator, &key, &value, &keyLength, &valueLength) >= 0, let key else { return }
            let name = UnsafeRawBufferPointer(start: key, count: keyLength)
            while next < keys.count, !Self.isSame(keys[next], name) { next += 1 }
            guard next < keys.count else { return }
            body(next, WireReader(UnsafeRawBufferPointer(start: value, count: valueLength)))
            next += 1
        }
    }

    private static func isSame(_ key: StaticString, _ bytes: UnsafeRawBufferPointer) -> Bool {
        key.utf8CodeUnitCount == bytes.count
            && UnsafeRawBufferPointer(start: key.utf8Start, count: bytes.count).elementsEqual(bytes)
    }
}
