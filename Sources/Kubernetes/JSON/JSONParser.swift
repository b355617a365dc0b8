// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

/// Why a text is not JSON.
public struct JSONError: Error, Hashable, Sendable, CustomStringConvertible {
    /// The number of bytes before the place.
    public var offset: Int
    public var reason: String

    public var description: String { "byte \(offset): \(reason)" }
}

extension JSONValue {
    /// Reads one value, with nothing but white space around it.
    /// - Throws: ``JSONError`` if the bytes are not JSON (RFC 8259), or have more than 256 levels.
    public init(parsing bytes: [UInt8]) throws(JSONError) {
        var parser = JSONParser(bytes)
        self = try parser.document()
    }

    /// Reads one value, with nothing but white space around it.
    /// - Throws: ``JSONError`` if the text is not JSON (RFC 8259), or has more than 256 levels.
    public init(parsing text: String) throws(JSONError) {
        try self.init(parsing: Array(text.utf8))
    }
}

/// A parser of JSON that keeps numbers as text.
private struct JSONParser {
    private static let maximumDepth = 256

    private let bytes: [UInt8]
    private var index = 0

    init(_ bytes: [UInt8]) {
        self.bytes = bytes
    }

    mutating func document() throws(JSONError) -> JSONValue {
        let value = try value(depth: 1)
        skipSpace()
        guard index == bytes.count else { throw error("more follows after the end of the value") }
        return value
    }

    private func error(_ reason: String) -> JSONError { JSONError(offset: index, reason: reason) }

    /// The next byte; nil at the end.
    private var next: UInt8? { index < bytes.count ? bytes[index] : nil }

    private mutating func skipSpace() {
        while index < bytes.count {
            switch bytes[index] {
            case 0x20, 0x09, 0x0A, 0x0D: index += 1
            default: return
            }
        }
    }

    private mutating func take(_ byte: UInt8) -> Bool {
        guard next == byte else { return false }
        index += 1
        return true
    }

    private mutating func value(depth: Int) throws(JSONError) -> JSONValue {
        guard depth <= Self.maximumDepth else { throw error("the value has more than \(Self.maximumDepth) levels") }
        skipSpace()
        guard let first = next else { throw error("the text ends before the value does") }
        switch first {
        case UInt8(ascii: "{"): return .object(try object(depth: depth))
        case UInt8(ascii: "["): return .array(try array(depth: depth))
        case UInt8(ascii: "\""): return .string(try string())
        case UInt8(ascii: "t"): return try word("true", .bool(true))
        case UInt8(ascii: "f"): return try word("false", .bool(false))
        case UInt8(ascii: "n"): return try word("null", .null)
        case UInt8(ascii: "-"), UInt8(ascii: "0")...UInt8(ascii: "9"): return .number(try number())
        default: throw error("a value is missing here")
        }
    }

    private mutating func word(_ word: StaticString, _ value: JSONValue) throws(JSONError) -> JSONValue {
        for expected in word.description.utf8 {
            guard take(expected) else { throw error("a value is missing here") }
        }
        return value
    }

    private mutating func object(depth: Int) throws(JSONError) -> JSONObject {
        index += 1
        var members: [JSONObject.Member] = []
        skipSpace()
        if take(UInt8(ascii: "}")) { return JSONObject(members) }
        while true {
            skipSpace()
            guard next == UInt8(ascii: "\"") else { throw error("a key is missing here") }
            let key = try string()
            skipSpace()
            guard take(UInt8(ascii: ":")) else { throw error("a colon is missing here") }
            members.append(JSONObject.Member(key, try value(depth: depth + 1)))
            skipSpace()
            if take(UInt8(ascii: ",")) { continue }
            guard take(UInt8(ascii: "}")) else { throw error("a comma or } is missing here") }
            return JSONObject(members)
        }
    }

    private mutating func array(depth: Int) throws(JSONError) -> [JSONValue] {
        index += 1
        var items: [JSONValue] = []
        skipSpace()
        if take(UInt8(ascii: "]")) { return items }
        while true {
            items.append(try value(depth: depth + 1))
            skipSpace()
            if take(UInt8(ascii: ",")) { continue }
            guard take(UInt8(ascii: "]")) else { throw error("a comma or ] is missing here") }
            return items
        }
    }

    private mutating func number() throws(JSONError) -> JSONNumber {
        let start = index
        _ = take(UInt8(ascii: "-"))
        let isZero = next == UInt8(ascii: "0")
        let count = skipDigits()
        guard count == 1 || count > 1 && !isZero else { throw error("this is not a number of JSON") }
        if take(UInt8(ascii: ".")) {
            guard skipDigits() > 0 else { throw error("a digit is missing here") }
        }
        if take(UInt8(ascii: "e")) || take(UInt8(ascii: "E")) {
            if !take(UInt8(ascii: "+")) { _ = take(UInt8(ascii: "-")) }
            guard skipDigits() > 0 else { throw error("a digit is missing here") }
        }
        return JSONNumber(unchecked: String(decoding: bytes[start..<index], as: UTF8.self))
    }

    private mutating func skipDigits() -> Int {
        let start = index
        while index < bytes.count, (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(bytes[index]) { index += 1 }
        return index - start
    }

    private mutating func string() throws(JSONError) -> String {
        index += 1
        let start = index
        while let byte = next, byte != UInt8(ascii: "\""), byte != UInt8(ascii: "\\"), byte >= 0x20 { index += 1 }
        if next == UInt8(ascii: "\"") {
            let text = try text(bytes[start..<index])
            index += 1
            return text
        }
        var unescaped = Array(bytes[start..<index])
        while let byte = next {
            switch byte {
            case UInt8(ascii: "\""):
                let text = try text(unescaped[...])
                index += 1
                return text
            case UInt8(ascii: "\\"):
                index += 1
                try escape(into: &unescaped)
            case 0..<0x20: throw error("a control character must be escaped")
            default:
                unescaped.append(byte)
                index += 1
            }
        }
        throw error("the text ends before the string does")
    }

    private func text(_ bytes: ArraySlice<UInt8>) throws(JSONError) -> String {
        guard let text = String(validating: bytes, as: UTF8.self) else { throw error("the string is not UTF-8") }
        return text
    }

    /// Reads the part of an escape after the backslash.
    private mutating func escape(into text: inout [UInt8]) throws(JSONError) {
        guard let letter = next else { throw error("the text ends before the string does") }
        index += 1
        switch letter {
        case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"): text.append(letter)
        case UInt8(ascii: "b"): text.append(0x08)
        case UInt8(ascii: "f"): text.append(0x0C)
        case UInt8(ascii: "n"): text.append(0x0A)
        case UInt8(ascii: "r"): text.append(0x0D)
        case UInt8(ascii: "t"): text.append(0x09)
        case UInt8(ascii: "u"): text.append(contentsOf: String(try character()).utf8)
        default: throw error("this escape does not exist")
        }
    }

    /// The character of a \u escape. Half of a pair without the other half becomes U+FFFD, as in Go.
    private mutating func character() throws(JSONError) -> Character {
        let first = try unit()
        if (0xD800..<0xDC00).contains(first), next == UInt8(ascii: "\\"), index + 1 < bytes.count,
            bytes[index + 1] == UInt8(ascii: "u")
        {
            let place = index
            index += 2
            let second = try unit()
            if (0xDC00..<0xE000).contains(second) {
                let code = 0x10000 + (first - 0xD800) << 10 + (second - 0xDC00)
                return Unicode.Scalar(code).map { Character($0) } ?? "\u{FFFD}"
            }
            index = place
        }
        return Unicode.Scalar(first).map { Character($0) } ?? "\u{FFFD}"
    }

    /// The number of four hexadecimal digits.
    private mutating func unit() throws(JSONError) -> UInt32 {
        guard index + 4 <= bytes.count else { throw error("four hexadecimal digits are missing here") }
        var unit: UInt32 = 0
        for _ in 0..<4 {
            let byte = UInt32(bytes[index])
            switch byte {
            case 0x30...0x39: unit = unit << 4 | (byte - 0x30)
            case 0x41...0x46: unit = unit << 4 | (byte - 0x41 + 10)
            case 0x61...0x66: unit = unit << 4 | (byte - 0x61 + 10)
            default: throw error("four hexadecimal digits are missing here")
            }
            index += 1
        }
        return unit
    }
}
