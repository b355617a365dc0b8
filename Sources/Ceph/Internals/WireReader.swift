// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

/// Reads Ceph's wire encoding: little-endian integers, strings with a 32-bit length. A read past the end gives nil, and
/// so does every read after it, so that a caller may check once.
struct WireReader {
    private let bytes: UnsafeRawBufferPointer
    private var offset = 0

    /// - Parameter bytes: stay valid as long as the reader is used.
    init(_ bytes: UnsafeRawBufferPointer) {
        self.bytes = bytes
    }

    mutating func integer<Value: FixedWidthInteger>(_ type: Value.Type = Value.self) -> Value? {
        let size = MemoryLayout<Value>.size
        guard offset <= bytes.count - size else {
            offset = .max - size
            return nil
        }
        defer { offset += size }
        return Value(littleEndian: bytes.loadUnaligned(fromByteOffset: offset, as: Value.self))
    }

    mutating func string() -> String? {
        guard let length = integer(UInt32.self), Int(length) <= bytes.count - offset else { return nil }
        defer { offset += Int(length) }
        return String(decoding: bytes[offset..<offset + Int(length)], as: UTF8.self)
    }

    /// Steps over the frame of a versioned structure (version, oldest compatible version, length).
    /// - Returns: nil where the frame is longer than what is left.
    mutating func enterFrame() -> Void? {
        guard integer(UInt8.self) != nil, integer(UInt8.self) != nil, let length = integer(UInt32.self),
            Int(length) <= bytes.count - offset
        else { return nil }
        return ()
    }

    /// Steps over a versioned structure altogether.
    mutating func skipFrame() -> Void? {
        guard integer(UInt8.self) != nil, integer(UInt8.self) != nil, let length = integer(UInt32.self),
            Int(length) <= bytes.count - offset
        else { return nil }
        offset += Int(length)
        return ()
    }
}
