// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

/// librbd accepts almost any name, so names may contain line feeds and escape sequences. In line-based output for
/// people, a name must not start another line or control the terminal.
enum Escaping {
    /// Writes control characters, line separators and invisible formatting (such as a change of the writing direction)
    /// as `\n`, `\t`, `\r` or `\u{1b}`.
    static func terminal(_ text: String) -> String {
        escape(text) { isControl($0) || $0.properties.generalCategory == .format }
    }

    /// Escapes only what would break lines or control a terminal: the joiners of some scripts are part of a name.
    ///
    /// A program that reads the list must not take a name with a line feed for two names.
    static func name(_ text: String) -> String {
        escape(text, where: isControl)
    }

    private static func escape(_ text: String, where mustBeEscaped: (Unicode.Scalar) -> Bool) -> String {
        guard text.unicodeScalars.contains(where: mustBeEscaped) else { return text }
        var result = String.UnicodeScalarView()
        for scalar in text.unicodeScalars {
            guard mustBeEscaped(scalar) else {
                result.append(scalar)
                continue
            }
            switch scalar {
            case "\n": result.append(contentsOf: "\\n".unicodeScalars)
            case "\r": result.append(contentsOf: "\\r".unicodeScalars)
            case "\t": result.append(contentsOf: "\\t".unicodeScalars)
            default: result.append(contentsOf: "\\u{\(String(scalar.value, radix: 16))}".unicodeScalars)
            }
        }
        return String(result)
    }

    private static func isControl(_ scalar: Unicode.Scalar) -> Bool {
        switch scalar.properties.generalCategory {
        case .control, .lineSeparator, .paragraphSeparator: true
        default: false
        }
    }
}
