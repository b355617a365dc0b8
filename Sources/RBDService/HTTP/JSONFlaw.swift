// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

import FoundationEssentials
import RBDAPI

/// A flaw that `JSONDecoder` accepts silently. Of two equal names it takes one, and callers would not know which.
enum JSONFlaw: Hashable {
    /// The path of the repeated name, such as `qos.iopsLimit`.
    case repeatedName(String)
    /// The path of the value before the comma; empty in the body's outermost value.
    case trailingComma(String)
    /// UTF-16 or UTF-32, which older versions of JSON allowed.
    case otherEncoding

    /// - Parameter text: text that was decoded successfully: it is JSON, except for these flaws.
    /// - Returns: the first flaw; nil if there is none.
    init?(in text: some RandomAccessCollection<UInt8>) {
        // JSON in UTF-8 contains no zero byte.
        if text.contains(0) {
            self = .otherEncoding
            return
        }
        var levels: [Level] = []
        var afterComma = false
        var index = text.startIndex
        func path() -> String { levels.compactMap(\.name).joined(separator: ".") }
        while index < text.endIndex {
            let byte = text[index]
            switch byte {
            case UInt8(ascii: "\""):
                let start = index
                text.formIndex(after: &index)
                while index < text.endIndex, text[index] != UInt8(ascii: "\"") {
                    // An escaped character never ends the string.
                    if text[index] == UInt8(ascii: "\\") { text.formIndex(after: &index) }
                    if index < text.endIndex { text.formIndex(after: &index) }
                }
                guard index < text.endIndex else { return nil }
                if let level = levels.last, level.isObject, level.awaitsName {
                    let name = Self.name(text[start...index])
                    levels[levels.count - 1].name = name
                    levels[levels.count - 1].awaitsName = false
                    guard levels[levels.count - 1].names.insert(name).inserted else {
                        self = .repeatedName(path())
                        return
                    }
                }
            case UInt8(ascii: "{"), UInt8(ascii: "["):
                levels.append(Level(isObject: byte == UInt8(ascii: "{")))
            case UInt8(ascii: "}"), UInt8(ascii: "]"):
                if afterComma {
                    self = .trailingComma(path())
                    return
                }
                _ = levels.popLast()
            case UInt8(ascii: ","):
                if !levels.isEmpty { levels[levels.count - 1].awaitsName = true }
            default: break
            }
            if !Self.blanks.contains(byte) { afterComma = byte == UInt8(ascii: ",") }
            text.formIndex(after: &index)
        }
        return nil
    }

    /// An object or an array whose end has not been reached.
    private struct Level {
        var isObject: Bool
        var names: Set<String> = []
        /// The name whose value is being read, or was read last.
        var name: String?
        var awaitsName = true
    }

    private static let blanks: [UInt8] = [0x20, 0x09, 0x0A, 0x0D]

    /// - Parameter quoted: the text of the string, with its quotes.
    private static func name(_ quoted: some Collection<UInt8>) -> String {
        guard quoted.contains(UInt8(ascii: "\\")), let name = try? JSONDecoder().decode(String.self, from: Data(quoted))
        else {
            return String(decoding: quoted.dropFirst().dropLast(), as: UTF8.self)
        }
        return name
    }
}

extension Problem {
    init(_ flaw: JSONFlaw) {
        switch flaw {
        case .repeatedName(let field):
            self.init(
                .malformedBody,
                detail: "the field \"\(field)\" is given more than once",
                field: field,
                hint: "send each field once"
            )
        case .trailingComma(let field):
            self.init(
                .malformedBody,
                detail: field.isEmpty
                    ? "the body is not JSON: it has a comma with nothing after it"
                    : "the body is not JSON: it has a comma after \"\(field)\" with nothing after it",
                field: field.isEmpty ? nil : field,
                hint: "leave out the last comma"
            )
        case .otherEncoding:
            self.init(.malformedBody, detail: "the body is not JSON: it must be in UTF-8")
        }
    }
}
