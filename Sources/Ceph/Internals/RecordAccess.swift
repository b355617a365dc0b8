// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

internal import CRados
internal import Glibc

/// The object that holds a pool's records, for one blocking call.
struct RecordObject: ~Copyable {
    /// The number of keys per round trip.
    static let page = 1024

    struct Page {
        var values: [(key: String, value: [UInt8])]
        var hasMore: Bool
        /// The version of the object when it was read; nil if it does not exist.
        var version: UInt64?
    }

    let context: IOContext
    let name: String
    let resource: CephError.Resource

    /// Whether the object still has this version.
    func hasVersion(_ version: UInt64) throws(CephError) -> Bool {
        let read = CompoundRead()
        read.assertVersion(version)
        let result = read.operate(on: name, in: context)
        if result == -ERANGE || result == -EOVERFLOW || result == -ENOENT { return false }
        try check(result, .readRecord, on: resource)
        return true
    }

    func values(prefix: String, after: String, limit: Int) throws(CephError) -> Page {
        let operation = rados_create_read_op()
        defer { rados_release_read_op(operation) }
        var iterator: rados_omap_iter_t?
        var hasMore: UInt8 = 0
        var status: CInt = 0
        rados_read_op_omap_get_vals2(operation, after, prefix, UInt64(limit), &iterator, &hasMore, &status)
        let result = rados_read_op_operate(operation, context.pointer, name, 0)
        defer { if let iterator { rados_omap_get_end(iterator) } }
        // A pool without records has no such object.
        if result == -ENOENT { return Page(values: [], hasMore: false) }
        try check(result, .readRecord, on: resource)
        try check(status, .readRecord, on: resource)
        let version = rados_get_last_version(context.pointer)
        // Zero is not a version that can be compared.
        return Page(values: Self.collect(iterator), hasMore: hasMore != 0, version: version > 0 ? version : nil)
    }

    /// The key that `set_modify_timestamp` of the class `rbd` writes.
    private static let timeKey = "modify_timestamp"

    func time() throws(CephError) -> ClusterTime {
        let bytes = try values(of: [Self.timeKey])[Self.timeKey] ?? []
        let time = bytes.withUnsafeBytes { bytes in
            var reader = WireReader(bytes)
            return reader.time()
        }
        guard let time else { throw CephError(.other, .readRecord, on: resource, detail: "the time can't be read") }
        return time
    }

    func values(of keys: [String]) throws(CephError) -> [String: [UInt8]] {
        let operation = rados_create_read_op()
        defer { rados_release_read_op(operation) }
        var iterator: rados_omap_iter_t?
        var status: CInt = 0
        withArrays(keys.map { ($0, []) }) { names, _, lengths, _ in
            rados_read_op_omap_get_vals_by_keys2(operation, names, keys.count, lengths, &iterator, &status)
        }
        let result = rados_read_op_operate(operation, context.pointer, name, 0)
        defer { if let iterator { rados_omap_get_end(iterator) } }
        if result == -ENOENT { return [:] }
        try check(result, .readRecord, on: resource)
        try check(status, .readRecord, on: resource)
        return Dictionary(Self.collect(iterator).map { ($0.key, $0.value) }) { first, _ in first }
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

extension RecordObject {
    /// - Returns: false if a condition is not met.
    func apply(_ change: Records.Change) throws(CephError) -> Bool {
        let operation = rados_create_write_op()
        defer { rados_release_write_op(operation) }
        // If the object does not exist, nothing can be compared.
        rados_write_op_create(operation, CInt(LIBRADOS_CREATE_IDEMPOTENT), nil)
        // An absent key compares as an empty value; values of records are never empty.
        let conditions = change.absent.map { (key: $0, value: [UInt8]()) } + change.expected.map { ($0.key, $0.value) }
        for condition in conditions {
            withArrays([condition]) { keys, values, keyLengths, valueLengths in
                rados_write_op_omap_cmp2(
                    operation,
                    keys[0],
                    UInt8(LIBRADOS_CMPXATTR_OP_EQ),
                    values[0],
                    keyLengths[0],
                    valueLengths[0],
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
        if change.asksTime { rados_write_op_exec(operation, "rbd", "set_modify_timestamp", nil, 0, nil) }
        let result = rados_write_op_operate(operation, context.pointer, name, nil, 0)
        // A condition is not met.
        if result == -ECANCELED { return false }
        try check(result, .changeRecord, on: resource)
        return true
    }
}

/// Keys and values in the form of librados: arrays of addresses and of lengths. librados copies them.
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
        // An empty buffer has no address, but librados needs one.
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
