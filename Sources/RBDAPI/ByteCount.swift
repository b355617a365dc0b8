// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

/// An exact number of bytes, as people and programs write it: `10737418240`, `"10GiB"`, `"1.5TiB"`, `"10Gi"`.
///
/// Nothing is rounded: a text that is not a whole number of bytes is refused. Decimal units (`GB`, `G`) are refused
/// too, because `rbd` and Kubernetes disagree about their meaning.
public struct ByteCount: Hashable, Sendable, Comparable {
    /// The largest size that is accepted: the largest signed 64-bit number, which is also librbd's limit.
    public static let maximum: UInt64 = UInt64(Int64.max)

    public var bytes: UInt64

    public init(_ bytes: UInt64) {
        self.bytes = bytes
    }

    public static func < (left: ByteCount, right: ByteCount) -> Bool {
        left.bytes < right.bytes
    }

    /// Why a text is not a size, in words for the person who wrote the text.
    public struct ParseError: Error, Hashable, Sendable, CustomStringConvertible {
        public var reason: String

        public var description: String { reason }
    }

    /// Reads a number of bytes or a number with a binary unit.
    /// - Throws: ``ParseError``, which says what to write instead.
    public init(parsing text: String) throws(ParseError) {
        let scalars = Array(text.utf8)
        let digits = scalars.prefix { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) }
        var rest = scalars[digits.count...]
        var fraction = ArraySlice<UInt8>()
        if rest.first == UInt8(ascii: ".") {
            fraction = rest.dropFirst().prefix { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) }
            rest = rest.dropFirst(1 + fraction.count)
            if fraction.isEmpty { throw Self.notASize(text) }
        }
        if digits.isEmpty { throw Self.notASize(text) }

        let unit = String(decoding: rest.drop { $0 == UInt8(ascii: " ") }, as: UTF8.self)
        guard let shift = Self.shift(ofUnit: unit) else {
            if Self.decimalUnits.contains(unit.lowercased()) {
                throw ParseError(
                    reason:
                        "the unit \"\(unit)\" is ambiguous; write a binary unit such as \"\(unit.prefix(1).uppercased())iB\""
                )
            }
            throw Self.notASize(text)
        }
        guard let whole = UInt64(String(decoding: digits, as: UTF8.self)), whole <= Self.maximum >> shift else {
            throw Self.tooLarge
        }
        let total = (whole << shift) + (try Self.bytes(ofFraction: fraction, shift: shift, text: text))
        guard total <= Self.maximum else { throw Self.tooLarge }
        self.bytes = total
    }

    /// The fraction's share in bytes, exactly.
    /// - Throws: ``ParseError`` if it is not a whole number of bytes.
    private static func bytes(
        ofFraction digits: ArraySlice<UInt8>,
        shift: UInt64,
        text: String
    ) throws(ParseError) -> UInt64 {
        var significant = digits
        while significant.last == UInt8(ascii: "0") { significant.removeLast() }
        if significant.isEmpty { return 0 }
        // A decimal fraction of 2^60 has at most 60 digits. 18 digits keep the arithmetic in 64 bits, and nobody writes
        // more.
        guard significant.count <= 18, let numerator = UInt64(String(decoding: significant, as: UTF8.self)) else {
            throw ParseError(reason: "\"\(text)\" is not a whole number of bytes")
        }
        let denominator = (0..<significant.count).reduce(UInt64(1)) { power, _ in power * 10 }
        let product = numerator.multipliedFullWidth(by: 1 << shift)
        let (quotient, remainder) = denominator.dividingFullWidth(product)
        guard remainder == 0 else { throw ParseError(reason: "\"\(text)\" is not a whole number of bytes") }
        return quotient
    }

    private static let decimalUnits: Set<String> = [
        "k", "m", "g", "t", "p", "e", "kb", "mb", "gb", "tb", "pb", "eb",
    ]

    private static func shift(ofUnit unit: String) -> UInt64? {
        switch unit {
        case "", "B": 0
        case "KiB", "Ki": 10
        case "MiB", "Mi": 20
        case "GiB", "Gi": 30
        case "TiB", "Ti": 40
        case "PiB", "Pi": 50
        case "EiB", "Ei": 60
        default: nil
        }
    }

    private static func notASize(_ text: String) -> ParseError {
        ParseError(
            reason:
                "\"\(text.prefix(40))\" is not a size; write bytes or a number with KiB, MiB, GiB, TiB, PiB or EiB, such as \"10GiB\""
        )
    }

    private static let tooLarge = ParseError(reason: "the size is over the largest one, \(maximum) bytes (8 EiB - 1)")
}

extension ByteCount: CustomStringConvertible {
    /// Exact and short: the largest binary unit that divides the number, `10GiB`, or plain bytes.
    public var description: String {
        let units = ["", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"]
        let power = bytes == 0 ? 0 : min(bytes.trailingZeroBitCount / 10, units.count - 1)
        return "\(bytes >> UInt64(power * 10))\(units[power])"
    }

    /// For tables: at most one decimal, rounded, `1.5 TiB`. Never use it if the number is needed again.
    public var rounded: String {
        let units = ["B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"]
        let power = bytes == 0 ? 0 : min((63 - bytes.leadingZeroBitCount) / 10, units.count - 1)
        let whole = bytes >> UInt64(power * 10)
        let rest = bytes - (whole << UInt64(power * 10))
        // rest < 2^60, so ten times it fits.
        var tenths = power == 0 ? 0 : (((rest * 10) >> UInt64(power * 10 - 1)) + 1) >> 1
        var shown = whole
        if tenths == 10 {
            tenths = 0
            shown += 1
        }
        return tenths == 0 ? "\(shown) \(units[power])" : "\(shown).\(tenths) \(units[power])"
    }
}

extension ByteCount: Codable {
    /// A JSON number of bytes or a string that ``init(parsing:)`` reads.
    /// - Throws: `DecodingError.dataCorrupted` with a ``ParseError`` as its underlying error.
    public init(from decoder: any Decoder) throws {
        let container = try decoder.singleValueContainer()
        do {
            if let text = try? container.decode(String.self) {
                try self.init(parsing: text)
            } else if let bytes = try? container.decode(UInt64.self) {
                guard bytes <= Self.maximum else { throw Self.tooLarge }
                self.init(bytes)
            } else {
                throw ParseError(reason: "it must be a whole number of bytes, 0 or more, or a text such as \"10GiB\"")
            }
        } catch let error as ParseError {
            throw DecodingError.dataCorrupted(
                DecodingError.Context(
                    codingPath: container.codingPath,
                    debugDescription: error.reason,
                    underlyingError: error
                )
            )
        }
    }

    public func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        try container.encode(bytes)
    }
}
