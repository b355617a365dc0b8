// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

extension BinaryInteger {
    /// The number with leading zeros, up to a number of digits.
    func text(digits: Int, radix: Int = 10) -> String {
        let text = String(self, radix: radix)
        return String(repeating: "0", count: max(0, digits - text.count)) + text
    }
}

extension Sequence<UInt8> {
    /// The bytes as hexadecimal digits, two each.
    var hexadecimal: String { map { $0.text(digits: 2, radix: 16) }.joined() }
}
