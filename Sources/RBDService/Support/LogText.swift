// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

import FoundationEssentials
import Logging

/// Formats the parts of a log line.
enum LogText {
    /// Longer texts are cut: an address may have kilobytes, and a write of more than 4 KiB to a pipe is not atomic.
    static let maximumLength = 1024

    /// Numbers are written as JSON numbers.
    static func json(_ value: Logger.MetadataValue) -> String {
        switch value {
        case .string(let text): return quoted(text)
        case .array(let values): return "[\(values.map(json).joined(separator: ","))]"
        case .dictionary(let members):
            let texts = members.sorted { $0.key < $1.key }.map { "\(quoted($0.key)):\(json($0.value))" }
            return "{\(texts.joined(separator: ","))}"
        case .stringConvertible(let value):
            return switch value {
            case let number as Int: "\(number)"
            case let number as Int32: "\(number)"
            case let number as UInt64: "\(number)"
            // JSON has no infinity.
            case let number as Double where number.isFinite: "\(number)"
            case let flag as Bool: "\(flag)"
            default: quoted(value.description)
            }
        }
    }

    /// The text itself if it is unambiguous, otherwise a JSON string.
    static func plain(_ text: String) -> String {
        let isPlain = text.utf8.allSatisfy { byte in
            byte > 0x20 && byte < 0x7F && byte != UInt8(ascii: "\"") && byte != UInt8(ascii: "=")
                && byte != UInt8(ascii: "\\")
        }
        return isPlain && !text.isEmpty && text.utf8.count <= maximumLength ? text : quoted(text)
    }

    static func quoted(_ text: String) -> String {
        "\"\(escaped(text, quotes: true))\""
    }

    /// Escapes line ends, characters that move a terminal's cursor, and characters that change the direction of text.
    static func escaped(_ text: String, quotes: Bool = false) -> String {
        var result = ""
        result.reserveCapacity(text.utf8.count + 16)
        for (index, scalar) in text.unicodeScalars.enumerated() {
            if index == maximumLength { return result + "…" }
            switch scalar {
            case "\"" where quotes, "\\" where quotes:
                result += "\\"
                result.unicodeScalars.append(scalar)
            case " "..."~":
                result.unicodeScalars.append(scalar)
            case "\n": result += "\\n"
            default:
                switch scalar.properties.generalCategory {
                case .control, .format, .lineSeparator, .paragraphSeparator:
                    for unit in String(scalar).utf16 { result += "\\u\(unit.hexadecimal)" }
                default: result.unicodeScalars.append(scalar)
                }
            }
        }
        return result
    }

    /// The time in the form of RFC 3339, in UTC, with milliseconds.
    static func time(_ time: Date = .now) -> String { Timestamp.text(time) }
}
