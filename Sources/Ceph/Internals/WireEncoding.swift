// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

/// Reads Ceph's wire encoding: little-endian integers, and strings with a 32-bit length. A read past the end returns
/// nil, and so does every later read, so that a caller may check only once.
struct WireReader {
    private let bytes: UnsafeRawBufferPointer
    private var offset = 0

    /// - Parameter bytes: must stay valid as long as the reader is used.
    init(_ bytes: UnsafeRawBufferPointer) {
        self.bytes = bytes
    }

    /// All of the bytes, whatever was read. Valid as long as the bytes of the reader.
    var all: UnsafeRawBufferPointer { bytes }

    /// Whether everything was read.
    var isAtEnd: Bool { offset == bytes.count }

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
        text().map { String(decoding: $0, as: UTF8.self) }
    }

    /// The bytes of a text, which need not be UTF-8. Valid as long as the bytes of the reader.
    mutating func text() -> UnsafeRawBufferPointer.SubSequence? {
        guard let length = integer(UInt32.self), Int(length) <= bytes.count - offset else { return nil }
        defer { offset += Int(length) }
        return bytes[offset..<offset + Int(length)]
    }

    /// Reads the head of a versioned structure: version, oldest compatible version, length.
    /// - Returns: the length; nil if the frame is longer than the remaining bytes.
    private mutating func frameLength() -> Int? {
        guard integer(UInt8.self) != nil, integer(UInt8.self) != nil, let length = integer(UInt32.self),
            Int(length) <= bytes.count - offset
        else { return nil }
        return Int(length)
    }

    /// Enters the frame of a versioned structure.
    /// - Returns: nil if the frame is longer than the remaining bytes.
    mutating func enterFrame() -> Void? {
        frameLength().map { _ in }
    }

    /// Enters the frame of a versioned structure.
    /// - Returns: its version; nil if the frame is longer than the remaining bytes.
    mutating func frameVersion() -> UInt8? {
        var ahead = self
        guard let version = ahead.integer(UInt8.self), enterFrame() != nil else { return nil }
        return version
    }

    mutating func skipFrame() -> Void? {
        guard let length = frameLength() else { return nil }
        offset += length
        return ()
    }
}

/// Writes Ceph's wire encoding, which ``WireReader`` reads.
enum WireWriter {
    static func integer(_ value: some FixedWidthInteger) -> [UInt8] {
        withUnsafeBytes(of: value.littleEndian) { Array($0) }
    }

    static func string(_ text: String) -> [UInt8] {
        integer(UInt32(text.utf8.count)) + Array(text.utf8)
    }

    static func string(_ bytes: [UInt8]) -> [UInt8] {
        integer(UInt32(bytes.count)) + bytes
    }

    /// A versioned structure of version 1.
    static func frame(_ content: [UInt8]) -> [UInt8] {
        [1, 1] + integer(UInt32(content.count)) + content
    }
}
