// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

/// A JSON value of a request in the audit log. Its size is bounded, whatever was sent.
indirect enum AuditValue: Hashable, Sendable {
    case null
    case flag(Bool)
    case number(Int64)
    case decimal(Double)
    case text(String)
    case list([AuditValue])
    case members([String: AuditValue])
    /// A value that is not shown.
    case omitted

    static let maximumItems = 32
    static let maximumDepth = 4
    /// The maximum length of a text, in bytes, escapes included.
    static let maximumText = 256
}

extension AuditValue: Decodable {
    init(from decoder: any Decoder) throws {
        guard decoder.codingPath.count < Self.maximumDepth else {
            self = .omitted
            return
        }
        if let container = try? decoder.container(keyedBy: Name.self) {
            var members: [String: AuditValue] = [:]
            for name in container.allKeys.sorted(by: { $0.stringValue < $1.stringValue }).prefix(Self.maximumItems) {
                members[name.stringValue] = try container.decode(AuditValue.self, forKey: name)
            }
            if container.allKeys.count > Self.maximumItems { members["…"] = .omitted }
            self = .members(members)
        } else if var container = try? decoder.unkeyedContainer() {
            var list: [AuditValue] = []
            while !container.isAtEnd, list.count < Self.maximumItems {
                list.append(try container.decode(AuditValue.self))
            }
            if !container.isAtEnd { list.append(.omitted) }
            self = .list(list)
        } else {
            self = try Self.single(decoder.singleValueContainer())
        }
    }

    private static func single(_ container: any SingleValueDecodingContainer) throws -> AuditValue {
        if container.decodeNil() { return .null }
        if let flag = try? container.decode(Bool.self) { return .flag(flag) }
        if let number = try? container.decode(Int64.self) { return .number(number) }
        if let decimal = try? container.decode(Double.self) { return .decimal(decimal) }
        return .text(try container.decode(String.self))
    }

    private struct Name: CodingKey {
        var stringValue: String
        var intValue: Int? { nil }
        init(stringValue: String) { self.stringValue = stringValue }
        init?(intValue: Int) { nil }
    }
}

extension AuditValue {
    var json: String {
        switch self {
        case .null: "null"
        case .flag(let flag): "\(flag)"
        case .number(let number): "\(number)"
        // JSON has no infinity.
        case .decimal(let decimal): decimal.isFinite ? "\(decimal)" : "null"
        case .text(let text): Self.quoted(text)
        case .list(let items): "[\(items.map(\.json).joined(separator: ","))]"
        case .members(let members):
            "{\(members.sorted { $0.key < $1.key }.map { "\(Self.quoted($0.key)):\($0.value.json)" }.joined(separator: ","))}"
        case .omitted: "\"(omitted)\""
        }
    }

    /// A quoted text that is not longer than the limit, escapes included. A text that was cut ends in "…".
    static func quoted(_ text: String, atMost limit: Int = maximumText) -> String {
        var scalars = text.unicodeScalars.prefix(limit)
        var isCut = scalars.endIndex != text.unicodeScalars.endIndex
        while true {
            let quoted = LogText.quoted(isCut ? String(scalars) + "…" : String(scalars))
            if quoted.utf8.count <= limit || scalars.isEmpty { return quoted }
            isCut = true
            scalars = scalars.prefix(scalars.count / 2)
        }
    }

    /// Values of metadata may be secret. The log shows their keys and their lengths only.
    var withoutMetadata: AuditValue {
        guard case .members(var members) = self, case .members(let metadata) = members["metadata"] else { return self }
        members["metadata"] = .members(
            metadata.mapValues { value in
                if case .text(let text) = value { .text("(\(text.utf8.count) bytes)") } else { value }
            }
        )
        return .members(members)
    }
}
