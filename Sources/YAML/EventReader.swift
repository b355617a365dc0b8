// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

internal import CYAML

/// libyaml's event parser for a text.
///
/// It is a class, because libyaml's parser has pointers to itself and to the text: neither may move while it is in use.
final class EventReader {
    struct Event {
        enum Kind {
            case streamStart, streamEnd, documentStart, documentEnd
            case alias(String)
            case scalar(String, isPlain: Bool)
            case sequenceStart, sequenceEnd, mappingStart, mappingEnd
        }

        var kind: Kind
        var anchor: String?
        var tag: String?
        var line: Int
        var column: Int
    }

    private let origin: Origin
    private let parser: UnsafeMutablePointer<yaml_parser_t>
    private let input: UnsafeMutableBufferPointer<UInt8>

    /// The position of a text in a larger text: the number of lines above it, and of characters before it in its first
    /// line.
    struct Origin {
        var lines = 0
        var columns = 0

        func place(_ mark: yaml_mark_t) -> (line: Int, column: Int) {
            (Int(mark.line) + lines + 1, Int(mark.column) + (mark.line == 0 ? columns : 0) + 1)
        }
    }

    init(_ text: String, at origin: Origin = Origin()) throws(YAMLError) {
        self.origin = origin
        parser = .allocate(capacity: 1)
        // libyaml looks for a byte order mark only if the encoding is not set, and otherwise takes it for the first
        // character of the line. A `---` after it would then not count, and all further lines would have less
        // indentation than the first.
        let bytes = text.utf8.dropFirst(text.utf8.starts(with: Self.byteOrderMark) ? Self.byteOrderMark.count : 0)
        input = .allocate(capacity: bytes.count)
        _ = input.initialize(from: bytes)
        // It clears the struct before anything can fail, so deinit may always delete it.
        guard yaml_parser_initialize(parser) == 1 else { throw YAMLError.outOfMemory }
        yaml_parser_set_encoding(parser, YAML_UTF8_ENCODING)
        yaml_parser_set_input_string(parser, input.baseAddress, input.count)
    }

    deinit {
        yaml_parser_delete(parser)
        parser.deallocate()
        input.deallocate()
    }

    func next() throws(YAMLError) -> Event {
        var event = yaml_event_t()
        guard yaml_parser_parse(parser, &event) == 1 else { throw failure() }
        defer { yaml_event_delete(&event) }
        let place = origin.place(event.start_mark)
        var result = Event(kind: .streamEnd, line: place.line, column: place.column)
        switch event.type {
        case YAML_STREAM_START_EVENT: result.kind = .streamStart
        case YAML_DOCUMENT_START_EVENT: result.kind = .documentStart
        case YAML_DOCUMENT_END_EVENT: result.kind = .documentEnd
        case YAML_SEQUENCE_END_EVENT: result.kind = .sequenceEnd
        case YAML_MAPPING_END_EVENT: result.kind = .mappingEnd
        case YAML_ALIAS_EVENT:
            result.kind = .alias(Self.string(event.data.alias.anchor) ?? "")
        case YAML_SEQUENCE_START_EVENT:
            result.kind = .sequenceStart
            result.anchor = Self.string(event.data.sequence_start.anchor)
            result.tag = Self.string(event.data.sequence_start.tag)
        case YAML_MAPPING_START_EVENT:
            result.kind = .mappingStart
            result.anchor = Self.string(event.data.mapping_start.anchor)
            result.tag = Self.string(event.data.mapping_start.tag)
        case YAML_SCALAR_EVENT:
            let scalar = event.data.scalar
            // By length, because a value may contain U+0000.
            let bytes = UnsafeBufferPointer(start: scalar.value, count: scalar.length)
            let isPlain = scalar.style == YAML_PLAIN_SCALAR_STYLE
            result.kind = .scalar(String(decoding: bytes, as: UTF8.self), isPlain: isPlain)
            result.anchor = Self.string(scalar.anchor)
            result.tag = Self.string(scalar.tag)
        default: break
        }
        return result
    }

    /// libyaml's error message as one sentence, with the position.
    private func failure() -> YAMLError {
        let state = parser.pointee
        guard state.error != YAML_MEMORY_ERROR, let problem = state.problem else { return YAMLError.outOfMemory }
        var reason = String(cString: problem)
        if state.error == YAML_READER_ERROR {
            // The text is valid UTF-8, so the only remaining fault is a character that YAML does not allow. It has no
            // mark.
            if state.problem_value >= 0 {
                reason += " (U+\(String(UInt32(state.problem_value), radix: 16, uppercase: true)))"
            }
            let before = String(decoding: input.prefix(Int(state.problem_offset)), as: UTF8.self).unicodeScalars
            let lineStart = before.lastIndex(of: "\n").map(before.index(after:)) ?? before.startIndex
            let lines = before.count { $0 == "\n" }
            return YAMLError(
                line: lines + origin.lines + 1,
                column: before[lineStart...].count + (lines == 0 ? origin.columns : 0) + 1,
                reason: reason
            )
        }
        if let context = state.context {
            reason += " \(String(cString: context))"
            if state.context_mark.line != state.problem_mark.line {
                reason += " that starts on line \(origin.place(state.context_mark).line)"
            }
        }
        let place = origin.place(state.problem_mark)
        return YAMLError(line: place.line, column: place.column, reason: reason)
    }

    private static func string(_ text: UnsafeMutablePointer<yaml_char_t>?) -> String? {
        text.map { String(cString: $0) }
    }

    static let byteOrderMark: [UInt8] = [0xEF, 0xBB, 0xBF]
}
