// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

internal import CRados
internal import Glibc

/// Reads keys and values of an object.
enum RecordRead {
    /// Keys for each round trip.
    static let page = 1024

    struct Page {
        var values: [(key: String, value: [UInt8])]
        var hasMore: Bool
    }

    static func values(
        _ object: String,
        in context: borrowing IOContext,
        prefix: String,
        after: String,
        limit: Int,
        _ resource: CephError.Resource
    ) throws(CephError) -> Page {
        let operation = rados_create_read_op()
        defer { rados_release_read_op(operation) }
        var iterator: rados_omap_iter_t?
        var hasMore: UInt8 = 0
        var status: CInt = 0
        rados_read_op_omap_get_vals2(operation, after, prefix, UInt64(limit), &iterator, &hasMore, &status)
        let result = rados_read_op_operate(operation, context.pointer, object, 0)
        defer { if let iterator { rados_omap_get_end(iterator) } }
        // A pool in which nothing was ever recorded has no such object.
        if result == -ENOENT { return Page(values: [], hasMore: false) }
        try check(result, .readRecord, on: resource)
        try check(status, .readRecord, on: resource)
        return Page(values: collect(iterator), hasMore: hasMore != 0)
    }

    static func value(
        _ key: String,
        of object: String,
        in context: borrowing IOContext,
        _ resource: CephError.Resource
    ) throws(CephError) -> [UInt8]? {
        let operation = rados_create_read_op()
        defer { rados_release_read_op(operation) }
        var iterator: rados_omap_iter_t?
        var status: CInt = 0
        withArrays([(key, [])]) { keys, _, lengths, _ in
            rados_read_op_omap_get_vals_by_keys2(operation, keys, 1, lengths, &iterator, &status)
        }
        let result = rados_read_op_operate(operation, context.pointer, object, 0)
        defer { if let iterator { rados_omap_get_end(iterator) } }
        if result == -ENOENT { return nil }
        try check(result, .readRecord, on: resource)
        try check(status, .readRecord, on: resource)
        return collect(iterator).first?.value
    }

    private static func collect(_ iterator: rados_omap_iter_t?) -> [(key: String, value: [UInt8])] {
        var found: [(key: String, value: [UInt8])] = []
        while true {
            var (key, value): (UnsafeMutablePointer<CChar>?, UnsafeMutablePointer<CChar>?) = (nil, nil)
            var (keyLength, valueLength) = (0, 0)
            guard rados_omap_get_next2(iterator, &key, &value, &keyLength, &valueLength) >= 0, let key else {
                return found
            }
            found.append(
                (
                    String(decoding: UnsafeRawBufferPointer(start: key, count: keyLength), as: UTF8.self),
                    Array(UnsafeRawBufferPointer(start: value, count: valueLength))
                )
            )
        }
    }
}

/// Writes keys and values of an object, and takes locks on it.
enum RecordWrite {
    private static let exclusive: UInt8 = 1

    static func apply(
        _ change: Records.Change,
        to object: String,
        in context: borrowing IOContext,
        _ resource: CephError.Resource
    ) throws(CephError) -> Bool {
        let operation = rados_create_write_op()
        defer { rados_release_write_op(operation) }
        // Where there is no object yet, nothing can be compared.
        rados_write_op_create(operation, CInt(LIBRADOS_CREATE_IDEMPOTENT), nil)
        if let lease = change.lease { assert(lease, operation) }
        for key in change.absent {
            // An absent key compares as an empty value; ours are never empty.
            withArrays([(key, [])]) { keys, values, lengths, _ in
                rados_write_op_omap_cmp2(
                    operation,
                    keys[0],
                    UInt8(LIBRADOS_CMPXATTR_OP_EQ),
                    values[0],
                    lengths[0],
                    0,
                    nil
                )
            }
        }
        if !change.values.isEmpty {
            withArrays(change.values.map { ($0.key, $0.value) }) { keys, values, keyLengths, valueLengths in
                rados_write_op_omap_set2(operation, keys, values, keyLengths, valueLengths, change.values.count)
            }
        }
        if !change.removals.isEmpty {
            withArrays(change.removals.map { ($0, []) }) { keys, _, lengths, _ in
                rados_write_op_omap_rm_keys2(operation, keys, lengths, change.removals.count)
            }
        }
        let result = rados_write_op_operate(operation, context.pointer, object, nil, 0)
        switch result {
        // The comparison failed; the lock is not ours.
        case -ECANCELED, -EBUSY: return false
        // The lock, or the object with it, is gone.
        case -ENOENT where change.lease != nil: return false
        default:
            try check(result, .changeRecord, on: resource)
            return true
        }
    }

    /// `cls_lock_assert_op`: the lock's name, its type, the cookie, the tag.
    private static func assert(_ lease: Records.Lease, _ operation: rados_write_op_t?) {
        let body =
            WireWriter.string(lease.name) + [exclusive] + WireWriter.string(lease.owner) + WireWriter.string("")
        let input: [UInt8] = [1, 1] + WireWriter.integer(UInt32(body.count)) + body
        input.withUnsafeBytes { bytes in
            rados_write_op_exec(
                operation,
                "lock",
                "assert_locked",
                bytes.baseAddress?.assumingMemoryBound(to: CChar.self),
                bytes.count,
                nil
            )
        }
    }

    static func take(
        _ lease: Records.Lease,
        for duration: Duration,
        of object: String,
        in context: borrowing IOContext,
        _ resource: CephError.Resource
    ) throws(CephError) -> Bool {
        let (seconds, attoseconds) = duration.components
        let result = crados_lock_exclusive(
            context.pointer,
            object,
            lease.name,
            lease.owner,
            "rbd-rest-api",
            Int(seconds),
            Int(attoseconds / 1_000_000_000_000),
            UInt8(LIBRADOS_LOCK_FLAG_MAY_RENEW)
        )
        if result == -EBUSY || result == -EEXIST { return false }
        try check(result, .changeRecord, on: resource)
        return true
    }

    static func release(
        _ lease: Records.Lease,
        of object: String,
        in context: borrowing IOContext,
        _ resource: CephError.Resource
    ) throws(CephError) {
        let result = rados_unlock(context.pointer, object, lease.name, lease.owner)
        // It has run out.
        if result != -ENOENT { try check(result, .changeRecord, on: resource) }
    }
}

/// Keys and values as librados takes them: arrays of addresses and of lengths. It copies them.
private func withArrays(
    _ pairs: [(key: String, value: [UInt8])],
    _ body: (
        _ keys: UnsafePointer<UnsafePointer<CChar>?>, _ values: UnsafePointer<UnsafePointer<CChar>?>,
        _ keyLengths: UnsafePointer<Int>, _ valueLengths: UnsafePointer<Int>
    ) -> Void
) {
    let bytes = pairs.flatMap { Array($0.key.utf8) + $0.value }
    bytes.withUnsafeBytes { buffer in
        var offset = 0
        // An empty buffer has no address, and an address is asked for.
        let start = buffer.baseAddress ?? UnsafeRawPointer(bitPattern: 1)
        func next(_ count: Int) -> UnsafePointer<CChar>? {
            defer { offset += count }
            return start.map { ($0 + offset).assumingMemoryBound(to: CChar.self) }
        }
        var keys: [UnsafePointer<CChar>?] = []
        var values: [UnsafePointer<CChar>?] = []
        for pair in pairs {
            keys.append(next(pair.key.utf8.count))
            values.append(next(pair.value.count))
        }
        body(keys, values, pairs.map(\.key.utf8.count), pairs.map(\.value.count))
    }
}
