// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

import NIOCore

/// Writes JSON straight into the buffer that is sent: for the answers that are asked for most and are the longest. It is to
/// write what JSONEncoder writes with sorted keys and unescaped slashes, so that nobody can tell which of them did; the
/// sorting is left to the caller.
struct JSONWriter {
    private(set) var buffer: ByteBuffer
    /// Whether something stands before the next value, on its own level.
    private var needsComma = false

    /// - Parameter capacity: how long it may become without growing.
    init(capacity: Int) {
        buffer = ByteBuffer()
        buffer.reserveCapacity(capacity)
    }

    // MARK: Structure

    enum Structure {
        case object, array
    }

    mutating func object(_ body: (inout JSONWriter) -> Void) { nest(.object, body) }

    mutating func array(_ body: (inout JSONWriter) -> Void) { nest(.array, body) }

    private mutating func nest(_ structure: Structure, _ body: (inout JSONWriter) -> Void) {
        begin(structure)
        body(&self)
        end(structure)
    }

    /// For what is written in several steps. Each needs its ``end(_:)``.
    mutating func begin(_ structure: Structure) {
        separate()
        buffer.writeStaticString(structure == .object ? "{" : "[")
        needsComma = false
    }

    mutating func end(_ structure: Structure) {
        buffer.writeStaticString(structure == .object ? "}" : "]")
        needsComma = true
    }

    /// After a value that has a line to itself (NDJSON): no value has a line feed in it.
    mutating func endLine() {
        buffer.writeStaticString("\n")
        needsComma = false
    }

    private mutating func separate() {
        if needsComma { buffer.writeInteger(UInt8(ascii: ",")) }
        needsComma = true
    }

    // MARK: Members

    /// The name of the next value. One that needs no escapes.
    mutating func key(_ name: StaticString) {
        separate()
        buffer.writeInteger(UInt8(ascii: "\""))
        buffer.writeStaticString(name)
        buffer.writeStaticString("\":")
        needsComma = false
    }

    mutating func key(_ name: String) {
        string(name)
        buffer.writeInteger(UInt8(ascii: ":"))
        needsComma = false
    }

    /// Null for what is absent.
    mutating func member<Value>(
        _ name: StaticString,
        _ value: Value?,
        _ write: (inout JSONWriter, Value) -> Void
    ) {
        key(name)
        if let value { write(&self, value) } else { null() }
    }

    mutating func member(_ name: StaticString, _ value: String?) {
        member(name, value) { $0.string($1) }
    }

    mutating func member(_ name: StaticString, _ value: some FixedWidthInteger) {
        key(name)
        number(value)
    }

    // MARK: Values

    mutating func null() {
        separate()
        buffer.writeStaticString("null")
    }

    mutating func flag(_ value: Bool) {
        separate()
        buffer.writeStaticString(value ? "true" : "false")
    }

    mutating func number(_ value: some FixedWidthInteger) {
        separate()
        buffer.writeString(String(value))
    }

    mutating func string(_ text: String) {
        separate()
        buffer.writeInteger(UInt8(ascii: "\""))
        if text.utf8.allSatisfy({ Self.escape($0) == nil }) {
            buffer.writeString(text)
        } else {
            for byte in text.utf8 {
                if let escape = Self.escape(byte) {
                    buffer.writeString(escape)
                } else {
                    buffer.writeInteger(byte)
                }
            }
        }
        buffer.writeInteger(UInt8(ascii: "\""))
    }

    /// RFC 8259, section 7.
    private static func escape(_ byte: UInt8) -> String? {
        switch byte {
        case UInt8(ascii: "\""): "\\\""
        case UInt8(ascii: "\\"): "\\\\"
        case 0x08: "\\b"
        case 0x09: "\\t"
        case 0x0A: "\\n"
        case 0x0C: "\\f"
        case 0x0D: "\\r"
        case 0..<0x20: "\\u00" + (byte < 0x10 ? "0" : "") + String(byte, radix: 16)
        default: nil
        }
    }
}
