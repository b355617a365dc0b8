// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

internal import CYAML

/// Writes values as YAML in block style.
public enum YAMLEncoder {
    /// One document, ending with a line feed, with the members in the order of the type.
    ///
    /// A text that a reader of YAML 1.1 or 1.2 would take for a number, a truth value, a date or null is quoted.
    public static func encode(_ value: some Encodable) throws -> String {
        try OrderedValue(encoding: value).yaml()
    }
}

extension OrderedValue {
    /// As YAML in block style; see ``YAMLEncoder``.
    /// - Throws: ``YAMLError`` if libyaml fails, which only happens if there is not enough memory.
    public func yaml() throws(YAMLError) -> String {
        let writer = try EventWriter()
        try writer.start()
        try writer.write(self)
        return try writer.finish()
    }
}

/// libyaml's emitter. It is a class, because the emitter has pointers to itself and to the output.
private final class EventWriter {
    private let emitter: UnsafeMutablePointer<yaml_emitter_t>
    private let output: UnsafeMutablePointer<[UInt8]>

    init() throws(YAMLError) {
        emitter = .allocate(capacity: 1)
        output = .allocate(capacity: 1)
        output.initialize(to: [])
        // It clears the struct before anything can fail, so deinit may always delete it.
        guard yaml_emitter_initialize(emitter) == 1 else { throw YAMLError.outOfMemory }
        yaml_emitter_set_unicode(emitter, 1)
        yaml_emitter_set_indent(emitter, 2)
        // Long texts are never folded: one value per line, which suits grep.
        yaml_emitter_set_width(emitter, -1)
        let append: @convention(c) (UnsafeMutableRawPointer?, UnsafeMutablePointer<UInt8>?, Int) -> CInt = {
            data,
            bytes,
            count in
            data?.assumingMemoryBound(to: [UInt8].self).pointee
                .append(contentsOf: UnsafeBufferPointer(start: bytes, count: count))
            return 1
        }
        yaml_emitter_set_output(emitter, append, output)
    }

    deinit {
        yaml_emitter_delete(emitter)
        emitter.deallocate()
        output.deinitialize(count: 1)
        output.deallocate()
    }

    func start() throws(YAMLError) {
        try emit { yaml_stream_start_event_initialize($0, YAML_UTF8_ENCODING) }
        try emit { yaml_document_start_event_initialize($0, nil, nil, nil, 1) }
    }

    func finish() throws(YAMLError) -> String {
        try emit { yaml_document_end_event_initialize($0, 1) }
        try emit { yaml_stream_end_event_initialize($0) }
        return String(decoding: output.pointee, as: UTF8.self)
    }

    func write(_ value: OrderedValue) throws(YAMLError) {
        switch value {
        case .null: try scalar("null", style: YAML_PLAIN_SCALAR_STYLE)
        case .bool(let value): try scalar(value ? "true" : "false", style: YAML_PLAIN_SCALAR_STYLE)
        case .integer(let value): try scalar(String(value), style: YAML_PLAIN_SCALAR_STYLE)
        case .double(let value): try scalar(Self.text(of: value), style: YAML_PLAIN_SCALAR_STYLE)
        case .string(let value): try scalar(value, style: Self.style(for: value))
        case .array(let items):
            try emit { yaml_sequence_start_event_initialize($0, nil, nil, 1, YAML_BLOCK_SEQUENCE_STYLE) }
            for item in items { try write(item) }
            try emit { yaml_sequence_end_event_initialize($0) }
        case .object(let members):
            try emit { yaml_mapping_start_event_initialize($0, nil, nil, 1, YAML_BLOCK_MAPPING_STYLE) }
            for member in members {
                try scalar(member.key, style: Self.style(for: member.key))
                try write(member.value)
            }
            try emit { yaml_mapping_end_event_initialize($0) }
        }
    }

    private func scalar(_ text: String, style: yaml_scalar_style_t) throws(YAMLError) {
        // One byte more than the text, because an empty array has no address, and libyaml needs one.
        let bytes = Array(text.utf8) + [0]
        try emit { event in
            // libyaml uses quotes if the text can't be plain, so neither form needs a tag.
            yaml_scalar_event_initialize(event, nil, nil, bytes, CInt(clamping: bytes.count - 1), 1, 1, style)
        }
    }

    private func emit(_ initialize: (UnsafeMutablePointer<yaml_event_t>) -> CInt) throws(YAMLError) {
        var event = yaml_event_t()
        // The emitter takes ownership of the event, even if it fails.
        guard initialize(&event) == 1, yaml_emitter_emit(emitter, &event) == 1 else {
            let problem = emitter.pointee.problem.map { String(cString: $0) } ?? "out of memory"
            throw YAMLError(line: 0, column: 0, reason: problem)
        }
    }

    private static func text(of value: Double) -> String {
        if value.isNaN { return ".nan" }
        if value.isInfinite { return value < 0 ? "-.inf" : ".inf" }
        return "\(value)"
    }

    /// Texts that YAML 1.1 or 1.2 reads as another type, in lower case.
    private static let reserved: Set<String> = [
        "", "~", "null", "true", "false", "yes", "no", "on", "off", "y", "n", "=", "<<",
    ]

    private static func style(for text: String) -> yaml_scalar_style_t {
        if text.unicodeScalars.contains(where: mustBeEscaped) { return YAML_DOUBLE_QUOTED_SCALAR_STYLE }
        // Numbers, dates and times all start with a digit, a sign or a point. Some such texts would be safe without
        // quotes, but finding out which is not worth implementing the rules of two YAML versions.
        let startsLikeNumber = text.unicodeScalars.first.map {
            ("0"..."9").contains($0) || "+-.".unicodeScalars.contains($0)
        }
        if startsLikeNumber == true || reserved.contains(text.lowercased()) { return YAML_SINGLE_QUOTED_SCALAR_STYLE }
        return YAML_PLAIN_SCALAR_STYLE
    }

    /// Line breaks and control characters: only double quotes keep them exact and safe on a terminal.
    private static func mustBeEscaped(_ scalar: Unicode.Scalar) -> Bool {
        switch scalar {
        case "\u{0}"..."\u{1F}", "\u{7F}"..."\u{9F}", "\u{2028}", "\u{2029}", "\u{FEFF}": true
        default: false
        }
    }
}
