// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

extension BinaryInteger {
    /// The number in decimal with leading zeros, up to a number of digits.
    func text(digits: Int) -> String {
        let text = String(self)
        return String(repeating: "0", count: max(0, digits - text.utf8.count)) + text
    }
}

extension FixedWidthInteger where Self: UnsignedInteger {
    /// All hexadecimal digits of the type, with leading zeros.
    var hexadecimal: String {
        let digits = Self.bitWidth / 4
        return String(unsafeUninitializedCapacity: digits) { buffer in
            for index in 0..<digits {
                let digit = UInt8(truncatingIfNeeded: self >> (Self.bitWidth - 4 * (index + 1))) & 0xF
                let first = digit < 10 ? UInt8(ascii: "0") : UInt8(ascii: "a") - 10
                buffer.initializeElement(at: index, to: first + digit)
            }
            return digits
        }
    }
}

extension Sequence<UInt8> {
    /// The bytes as hexadecimal digits, two each.
    var hexadecimal: String { map(\.hexadecimal).joined() }
}
