// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

/// The parts of an Encodable value, in the order in which it encodes them.
///
/// Foundation's JSONEncoder stores the members of an object in a dictionary, and so writes them in another order on
/// each run. This type keeps the order of the Encodable type, which is the order of its documentation. Integers are
/// exact.
public enum OrderedValue: Hashable, Sendable {
    case null
    case bool(Bool)
    /// Large enough for every Int64 and every UInt64.
    case integer(Int128)
    case double(Double)
    case string(String)
    case array([OrderedValue])
    case object([Member])

    public struct Member: Hashable, Sendable {
        public var key: String
        public var value: OrderedValue

        public init(_ key: String, _ value: OrderedValue) {
            self.key = key
            self.value = value
        }
    }

    /// Encodes a value. Foundation's own types get no special treatment: a Date is encoded as a number.
    public init(encoding value: some Encodable) throws {
        let slot = EncodingSlot()
        try value.encode(to: OrderedEncoder(slot: slot, codingPath: []))
        self = slot.value
    }
}

extension OrderedValue {
    /// As JSON. The pretty form has two spaces per level; neither form ends with a line feed.
    ///
    /// Control characters are escaped, those of the C1 set and DEL too, so that the text is safe on a terminal.
    /// - Throws: EncodingError for a number that JSON does not have: an infinity or NaN.
    public func json(pretty: Bool = false) throws -> String {
        var text = ""
        try writeJSON(to: &text, indentation: pretty ? 0 : nil)
        return text
    }

    private func writeJSON(to text: inout String, indentation: Int?) throws {
        switch self {
        case .null: text += "null"
        case .bool(let value): text += value ? "true" : "false"
        case .integer(let value): text += String(value)
        case .double(let value):
            guard value.isFinite else {
                throw EncodingError.invalidValue(
                    value,
                    EncodingError.Context(codingPath: [], debugDescription: "JSON has no number for \(value)")
                )
            }
            text += "\(value)"
        case .string(let value): Self.writeJSON(value, to: &text)
        case .array(let items):
            try Self.writeJSON(items, open: "[", close: "]", to: &text, indentation: indentation) { item, text, inner in
                try item.writeJSON(to: &text, indentation: inner)
            }
        case .object(let members):
            try Self.writeJSON(members, open: "{", close: "}", to: &text, indentation: indentation) {
                member,
                text,
                inner in
                Self.writeJSON(member.key, to: &text)
                text += inner == nil ? ":" : ": "
                try member.value.writeJSON(to: &text, indentation: inner)
            }
        }
    }

    private static func writeJSON<Element>(
        _ elements: [Element],
        open: String,
        close: String,
        to text: inout String,
        indentation: Int?,
        element: (Element, inout String, Int?) throws -> Void
    ) throws {
        text += open
        let inner = indentation.map { $0 + 2 }
        for (index, value) in elements.enumerated() {
            if index > 0 { text += "," }
            newLine(in: &text, indentation: inner)
            try element(value, &text, inner)
        }
        if !elements.isEmpty { newLine(in: &text, indentation: indentation) }
        text += close
    }

    private static func newLine(in text: inout String, indentation: Int?) {
        guard let indentation else { return }
        text += "\n"
        text += String(repeating: " ", count: indentation)
    }

    private static func writeJSON(_ string: String, to text: inout String) {
        text += "\""
        for scalar in string.unicodeScalars {
            switch scalar {
            case "\"": text += "\\\""
            case "\\": text += "\\\\"
            case "\n": text += "\\n"
            case "\r": text += "\\r"
            case "\t": text += "\\t"
            case "\u{0}"..."\u{1F}", "\u{7F}"..."\u{9F}", "\u{2028}", "\u{2029}":
                let digits = String(scalar.value, radix: 16)
                text += "\\u" + String(repeating: "0", count: 4 - digits.count) + digits
            default: text.unicodeScalars.append(scalar)
            }
        }
        text += "\""
    }
}
