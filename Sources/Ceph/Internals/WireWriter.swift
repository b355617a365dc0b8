// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

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
