// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

internal import CRados

/// One write operation on one object. Either all of its steps are done, or none.
struct CompoundWrite: ~Copyable {
    private let operation: rados_write_op_t

    init() {
        operation = rados_create_write_op()
    }

    deinit {
        rados_release_write_op(operation)
    }

    /// Makes the operation fail with -ERANGE or -EOVERFLOW unless the object still has this version.
    func assertVersion(_ version: UInt64) {
        rados_write_op_assert_version(operation, version)
    }

    /// Creates the object. The operation fails with -EEXIST if it exists.
    func create() {
        rados_write_op_create(operation, CInt(LIBRADOS_CREATE_EXCLUSIVE), nil)
    }

    /// Makes the operation fail, which ``foundDifference(_:)`` recognises, unless these bytes of the object's data are
    /// zero. Bytes beyond its end count as zero.
    func requireZeros(count: Int, at offset: UInt64) {
        let zeros = [CChar](repeating: 0, count: count)
        // librados copies the bytes.
        rados_write_op_cmpext(operation, zeros, count, offset, nil)
    }

    /// Makes the operation fail, which ``foundDifference(_:)`` recognises, unless the object's data begins with these
    /// bytes; with -ENOENT if the object does not exist.
    func requireData(_ bytes: [UInt8]) {
        rados_write_op_assert_exists(operation)
        bytes.withUnsafeBytes { bytes in
            // librados copies the bytes.
            rados_write_op_cmpext(
                operation,
                bytes.baseAddress?.assumingMemoryBound(to: CChar.self),
                bytes.count,
                0,
                nil
            )
        }
    }

    /// Makes the operation fail with -ECANCELED unless the key of the object's omap has this value.
    func requireValue(_ key: String, _ value: [UInt8]) {
        value.withUnsafeBytes { value in
            // librados copies the key and the value.
            rados_write_op_omap_cmp2(
                operation,
                key,
                UInt8(LIBRADOS_CMPXATTR_OP_EQ),
                value.baseAddress?.assumingMemoryBound(to: CChar.self),
                key.utf8.count,
                value.count,
                nil
            )
        }
    }

    /// Sets a key of the object's omap.
    func setValue(_ key: String, _ value: [UInt8]) {
        value.withUnsafeBytes { value in
            key.withCString { name in
                // librados copies the key and the value.
                var (names, lengths) = (Optional(name), key.utf8.count)
                var values = value.baseAddress?.assumingMemoryBound(to: CChar.self)
                var valueLengths = value.count
                rados_write_op_omap_set2(operation, &names, &values, &lengths, &valueLengths, 1)
            }
        }
    }

    /// Whether the operation failed because of ``requireZeros(count:at:)`` or ``requireData(_:)``. The number encodes
    /// the offset, from -4095 downwards.
    static func foundDifference(_ result: CInt) -> Bool {
        let lastErrno: CInt = 4095
        return result <= -lastErrno
    }

    func remove() {
        rados_write_op_remove(operation)
    }

    /// Calls a method of the object class `rbd`.
    func call(_ method: String, input: [UInt8]) {
        input.withUnsafeBytes { bytes in
            // librados copies the input.
            rados_write_op_exec(
                operation,
                "rbd",
                method,
                bytes.baseAddress?.assumingMemoryBound(to: CChar.self),
                bytes.count,
                nil
            )
        }
    }

    /// Sends the operation and waits for it.
    /// - Returns: 0, or -errno.
    consuming func operate(on object: String, in context: borrowing IOContext) -> CInt {
        rados_write_op_operate(operation, context.pointer, object, nil, 0)
    }

    /// Sends the operation and waits for it.
    /// - Parameter object: its name as a C string.
    /// - Returns: 0, or -errno.
    consuming func operate(on object: [CChar], in context: borrowing IOContext) -> CInt {
        rados_write_op_operate(operation, context.pointer, object, nil, 0)
    }
}
