// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

/// A Kubernetes quantity as an exact number of bytes: `1Gi`, `1G`, `1e9`, `1500m`, `.5Ti`.
///
/// `apimachinery/pkg/api/resource`: a signed decimal number, then a binary unit (`Ki` to `Ei`), a decimal unit (`n` to
/// `E`), or a decimal exponent. Fractions of bytes are rounded up, as in Kubernetes: a volume is never smaller than its
/// capacity says.
struct Quantity: Hashable, Sendable {
    var bytes: UInt64

    /// Why a text is not a quantity of bytes, in words for its author.
    struct ParseError: Error, Hashable {
        var reason: String
    }

    /// The maximum of librbd, and of Kubernetes.
    static let maximum = UInt64(Int64.max)
    /// More digits, or a larger exponent, can't be a real size. They would only make the multiplication expensive.
    private static let maximumDigits = 256

    /// - Throws: ``ParseError``, with what to write instead.
    init(parsing text: String) throws(ParseError) {
        var rest = Substring(text).utf8
        let isNegative = rest.first == UInt8(ascii: "-")
        if isNegative || rest.first == UInt8(ascii: "+") { rest.removeFirst() }
        let whole = rest.prefix(while: Self.isDigit)
        rest = rest.dropFirst(whole.count)
        var fraction = rest.prefix(0)
        if rest.first == UInt8(ascii: ".") {
            rest.removeFirst()
            fraction = rest.prefix(while: Self.isDigit)
            rest = rest.dropFirst(fraction.count)
        }
        guard !whole.isEmpty || !fraction.isEmpty, let unit = Self.unit(String(rest) ?? "") else {
            throw ParseError(
                reason:
                    "\"\(text.prefix(40))\" is not a quantity; write a number of bytes, or a number with a unit such as 10Gi"
            )
        }
        guard whole.count + fraction.count <= Self.maximumDigits else {
            throw ParseError(reason: "it has more than \(Self.maximumDigits) digits")
        }
        var number = DecimalNumber(whole: whole.map(Self.digit), fraction: fraction.map(Self.digit))
        guard !isNegative || number.isZero else {
            throw ParseError(reason: "\"\(text.prefix(40))\" is negative")
        }
        switch unit {
        case .binary(let power): for _ in 0..<power { number.double() }
        case .decimal(let exponent):
            number.shift(by: min(max(exponent, -2 * Self.maximumDigits), 2 * Self.maximumDigits))
        }
        guard let bytes = number.roundedUp, bytes <= Self.maximum else {
            throw ParseError(
                reason: "\"\(text.prefix(40))\" is more than \(Self.maximum) bytes, the largest possible size"
            )
        }
        self.bytes = bytes
    }

    private enum Unit {
        /// A power of two.
        case binary(Int)
        /// A power of ten.
        case decimal(Int)
    }

    private static func unit(_ text: String) -> Unit? {
        switch text {
        case "": .decimal(0)
        case "n": .decimal(-9)
        case "u": .decimal(-6)
        case "m": .decimal(-3)
        case "k": .decimal(3)
        case "M": .decimal(6)
        case "G": .decimal(9)
        case "T": .decimal(12)
        case "P": .decimal(15)
        case "E": .decimal(18)
        case "Ki": .binary(10)
        case "Mi": .binary(20)
        case "Gi": .binary(30)
        case "Ti": .binary(40)
        case "Pi": .binary(50)
        case "Ei": .binary(60)
        case _ where text.first == "e" || text.first == "E": Int(text.dropFirst()).map(Unit.decimal)
        default: nil
        }
    }

    private static func isDigit(_ byte: UInt8) -> Bool { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) }
    private static func digit(_ byte: UInt8) -> UInt8 { byte - UInt8(ascii: "0") }
}

/// A decimal number of any length: a fraction with sixty binary digits does not fit into a machine number.
private struct DecimalNumber {
    /// The digits before the point, from the highest to the lowest.
    var whole: [UInt8]
    var fraction: [UInt8]

    var isZero: Bool { (whole + fraction).allSatisfy { $0 == 0 } }

    mutating func double() {
        var carry: UInt8 = 0
        func double(_ digits: inout [UInt8]) {
            for index in digits.indices.reversed() {
                let value = 2 * digits[index] + carry
                (digits[index], carry) = (value % 10, value / 10)
            }
        }
        double(&fraction)
        double(&whole)
        if carry > 0 { whole.insert(carry, at: 0) }
    }

    /// Moves the point to the right, or to the left if the number is negative.
    mutating func shift(by places: Int) {
        for _ in 0..<max(places, 0) { whole.append(fraction.isEmpty ? 0 : fraction.removeFirst()) }
        for _ in 0..<max(-places, 0) { fraction.insert(whole.popLast() ?? 0, at: 0) }
    }

    /// Nil if it does not fit into 64 bits.
    var roundedUp: UInt64? {
        var value: UInt64 = 0
        for digit in whole {
            let (product, isTooLarge) = value.multipliedReportingOverflow(by: 10)
            let (sum, isBeyond) = product.addingReportingOverflow(UInt64(digit))
            guard !isTooLarge, !isBeyond else { return nil }
            value = sum
        }
        guard fraction.contains(where: { $0 != 0 }) else { return value }
        return value == .max ? nil : value + 1
    }
}
