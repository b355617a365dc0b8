// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

internal import CYAML

/// libyaml's event parser over a text.
///
/// A class, because libyaml's parser holds a pointer to itself and to the text: neither may move while it is in use.
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

    private let parser: UnsafeMutablePointer<yaml_parser_t>
    private let input: UnsafeMutableBufferPointer<UInt8>

    init(_ text: String) throws(YAMLError) {
        parser = .allocate(capacity: 1)
        input = .allocate(capacity: text.utf8.count)
        _ = input.initialize(from: text.utf8)
        // It clears the struct before anything can fail, so that deinit may always delete it.
        guard yaml_parser_initialize(parser) == 1 else { throw Self.outOfMemory }
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
        var result = Event(
            kind: .streamEnd,
            line: Int(event.start_mark.line) + 1,
            column: Int(event.start_mark.column) + 1
        )
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
            // By length: a value may hold U+0000.
            let bytes = UnsafeBufferPointer(start: scalar.value, count: scalar.length)
            let isPlain = scalar.style == YAML_PLAIN_SCALAR_STYLE
            result.kind = .scalar(String(decoding: bytes, as: UTF8.self), isPlain: isPlain)
            result.anchor = Self.string(scalar.anchor)
            result.tag = Self.string(scalar.tag)
        default: break
        }
        return result
    }

    /// What libyaml says of the text, as one sentence with the place.
    private func failure() -> YAMLError {
        let state = parser.pointee
        guard state.error != YAML_MEMORY_ERROR, let problem = state.problem else { return Self.outOfMemory }
        var reason = String(cString: problem)
        if state.error == YAML_READER_ERROR {
            // The text is valid UTF-8, so all that is left is a character that YAML does not allow. No mark here.
            if state.problem_value >= 0 {
                reason += " (U+\(String(UInt32(state.problem_value), radix: 16, uppercase: true)))"
            }
            let before = String(decoding: input.prefix(Int(state.problem_offset)), as: UTF8.self).unicodeScalars
            let lineStart = before.lastIndex(of: "\n").map(before.index(after:)) ?? before.startIndex
            return YAMLError(
                line: before.count { $0 == "\n" } + 1,
                column: before[lineStart...].count + 1,
                reason: reason
            )
        }
        if let context = state.context {
            reason += " \(String(cString: context))"
            if state.context_mark.line != state.problem_mark.line {
                reason += " that starts on line \(state.context_mark.line + 1)"
            }
        }
        return YAMLError(
            line: Int(state.problem_mark.line) + 1,
            column: Int(state.problem_mark.column) + 1,
            reason: reason
        )
    }

    private static func string(_ text: UnsafeMutablePointer<yaml_char_t>?) -> String? {
        text.map { String(cString: $0) }
    }

    private static var outOfMemory: YAMLError { YAMLError(line: 0, column: 0, reason: "out of memory") }
}
