// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

import NIOCore

/// Writes JSON for the most frequent and the longest answers. Its output is the same as that of JSONEncoder with sorted
/// keys and unescaped slashes. The caller must write the keys in order.
struct JSONWriter {
    /// Not a ByteBuffer: its checks for each write took half of the time.
    private var bytes: [UInt8] = []
    /// Whether a value precedes the next one on the same level.
    private var needsComma = false

    /// - Parameter capacity: how many bytes fit without growing.
    init(capacity: Int) {
        bytes.reserveCapacity(capacity)
    }

    /// A copy of what has been written so far.
    var buffer: ByteBuffer { ByteBuffer(bytes: bytes) }

    private mutating func write(_ text: StaticString) {
        bytes.append(contentsOf: UnsafeBufferPointer(start: text.utf8Start, count: text.utf8CodeUnitCount))
    }

    // MARK: Structure

    enum Structure {
        case object, array
    }

    mutating func object(_ body: (inout JSONWriter) -> Void) {
        begin(.object)
        body(&self)
        end(.object)
    }

    mutating func array<Element>(_ elements: [Element], _ write: (inout JSONWriter, Element) -> Void) {
        begin(.array)
        for element in elements { write(&self, element) }
        end(.array)
    }

    /// For structures that are written in several steps. Each needs its ``end(_:)``.
    mutating func begin(_ structure: Structure) {
        separate()
        write(structure == .object ? "{" : "[")
        needsComma = false
    }

    mutating func end(_ structure: Structure) {
        write(structure == .object ? "}" : "]")
        needsComma = true
    }

    /// Ends the line after a value (NDJSON). The JSON of a value contains no line feed.
    mutating func endLine() {
        write("\n")
        needsComma = false
    }

    private mutating func separate() {
        if needsComma { bytes.append(UInt8(ascii: ",")) }
        needsComma = true
    }

    // MARK: Members

    /// Writes the name of the next value. It must not need escapes.
    mutating func key(_ name: StaticString) {
        separate()
        bytes.append(UInt8(ascii: "\""))
        write(name)
        write("\":")
        needsComma = false
    }

    mutating func key(_ name: String) {
        string(name)
        bytes.append(UInt8(ascii: ":"))
        needsComma = false
    }

    /// Writes null if the value is nil.
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

    mutating func member(_ name: StaticString, _ value: Bool) {
        key(name)
        flag(value)
    }

    // MARK: Values

    mutating func null() {
        separate()
        write("null")
    }

    mutating func flag(_ value: Bool) {
        separate()
        write(value ? "true" : "false")
    }

    mutating func number(_ value: some FixedWidthInteger) {
        separate()
        bytes.append(contentsOf: String(value).utf8)
    }

    mutating func string(_ text: String) {
        separate()
        bytes.append(UInt8(ascii: "\""))
        var text = text
        text.withUTF8 { text in
            // Runs of characters that need no escape are copied as a whole.
            var rest = text[...]
            while let index = rest.firstIndex(where: Self.isEscaped) {
                bytes.append(contentsOf: rest[..<index])
                bytes.append(contentsOf: Self.escape(rest[index]).utf8)
                rest = rest[(index + 1)...]
            }
            bytes.append(contentsOf: rest)
        }
        bytes.append(UInt8(ascii: "\""))
    }

    private static func isEscaped(_ byte: UInt8) -> Bool {
        byte < 0x20 || byte == UInt8(ascii: "\"") || byte == UInt8(ascii: "\\")
    }

    /// RFC 8259, section 7.
    private static func escape(_ byte: UInt8) -> String {
        switch byte {
        case UInt8(ascii: "\""): "\\\""
        case UInt8(ascii: "\\"): "\\\\"
        case 0x08: "\\b"
        case 0x09: "\\t"
        case 0x0A: "\\n"
        case 0x0C: "\\f"
        case 0x0D: "\\r"
        default: "\\u00" + byte.hexadecimal
        }
    }
}
