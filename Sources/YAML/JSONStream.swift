// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

/// JSON objects one after another, as jq writes them and kubectl reads them: `{…}{…}`.
///
/// JSON is YAML, except for that, for characters that are escaped in two halves, and for some characters that end a
/// line in YAML. This type converts all three, and libyaml reads the result.
enum JSONStream {
    /// One of the objects, as YAML.
    struct Object {
        var text: String
        /// The position of the object in the whole text.
        var origin: EventReader.Origin
    }

    /// - Returns: nil if the text is anything other than complete objects.
    static func objects(in text: String) -> [Object]? {
        let scalars = Array(text.unicodeScalars)
        var objects: [Object] = []
        var (place, line, column) = (0, 0, 0)
        while true {
            while place < scalars.count, isSpace(scalars[place], isFirst: place == 0) {
                (line, column) = scalars[place] == "\n" ? (line + 1, 0) : (line, column + 1)
                place += 1
            }
            if place == scalars.count { return objects.isEmpty ? nil : objects }
            guard scalars[place] == "{", let end = endOfObject(in: scalars, from: place) else { return nil }
            let object = scalars[place..<end]
            objects.append(Object(text: rewritten(object), origin: .init(lines: line, columns: column)))
            line += object.count { $0 == "\n" }
            column = object.lastIndex(of: "\n").map { end - $0 - 1 } ?? column + object.count
            place = end
        }
    }

    /// A byte order mark is not a character of the text.
    private static func isSpace(_ scalar: Unicode.Scalar, isFirst: Bool) -> Bool {
        [" ", "\t", "\n", "\r"].contains(scalar) || isFirst && scalar == "\u{FEFF}"
    }

    private static func endOfObject(in scalars: [Unicode.Scalar], from start: Int) -> Int? {
        var (depth, isText, place) = (0, false, start)
        while place < scalars.count {
            switch scalars[place] {
            case "\\" where isText: place += 1
            case "\"": isText.toggle()
            // A quotation mark of YAML, which JSON does not have.
            case "'" where !isText: return nil
            case "{" where !isText, "[" where !isText: depth += 1
            case "}" where !isText, "]" where !isText: depth -= 1
            default: break
            }
            place += 1
            if depth == 0 { return place }
        }
        return nil
    }

    /// The rewritten characters can only occur within quotation marks.
    private static func rewritten(_ object: ArraySlice<Unicode.Scalar>) -> String {
        var text = String.UnicodeScalarView()
        var rest = object
        while let scalar = rest.popFirst() {
            switch scalar {
            case "\\":
                if let (character, count) = halves(rest) {
                    text += character.unicodeScalars
                    rest = rest.dropFirst(count)
                } else {
                    text.append(scalar)
                    if let next = rest.popFirst() { text.append(next) }
                }
            case "\u{7F}"..."\u{9F}", "\u{2028}", "\u{2029}": text += escape(scalar.value).unicodeScalars
            default: text.append(scalar)
            }
        }
        return String(text)
    }

    /// `ud83d\ude00` after a backslash: one character in YAML. A single half has no meaning, and is read as kubectl
    /// reads it.
    private static func halves(_ rest: ArraySlice<Unicode.Scalar>) -> (escape: String, count: Int)? {
        guard let first = unit(rest), 0xD800..<0xE000 ~= first else { return nil }
        let others = rest.dropFirst(5)
        guard first < 0xDC00, others.first == "\\", let second = unit(others.dropFirst()), 0xDC00..<0xE000 ~= second
        else { return (escape(0xFFFD), 5) }
        return (escape(0x10000 + (first - 0xD800) << 10 + (second - 0xDC00)), 11)
    }

    /// The value of `u` and four digits.
    private static func unit(_ text: ArraySlice<Unicode.Scalar>) -> UInt32? {
        let digits = text.dropFirst().prefix(4)
        guard text.first == "u", digits.count == 4, digits.allSatisfy(\.properties.isASCIIHexDigit) else { return nil }
        return UInt32(String(String.UnicodeScalarView(digits)), radix: 16)
    }

    private static func escape(_ value: UInt32) -> String {
        let digits = String(value, radix: 16)
        return "\\U" + String(repeating: "0", count: 8 - digits.count) + digits
    }
}
