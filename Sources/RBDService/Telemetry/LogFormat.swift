// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

import Logging

/// How the lines of the log are written.
public enum LogFormat: String, CaseIterable, Sendable {
    /// One JSON object per line, for programs.
    case json
    /// For people.
    case text
}

extension LogFormat {
    /// A line, its line feed included. Nothing that a caller can put into a name or a message adds a line or reaches a
    /// terminal as a command: control characters are escaped in both formats.
    func line(time: String, level: Logger.Level, label: String, message: String, metadata: Logger.Metadata) -> String {
        let members = metadata.sorted { $0.key < $1.key }
        switch self {
        case .json:
            var line = "{\"time\":\"\(time)\",\"level\":\"\(level.rawValue)\",\"logger\":"
            line += LogText.quoted(label)
            line += ",\"message\":"
            line += LogText.quoted(message)
            for (key, value) in members {
                line += ","
                line += LogText.quoted(Self.own.contains(key) ? "metadata.\(key)" : key)
                line += ":"
                line += LogText.json(value)
            }
            return line + "}\n"
        case .text:
            var line = "\(time) \(level.rawValue) \(LogText.escaped(message))"
            for (key, value) in members {
                line += " "
                line += LogText.plain(key)
                line += "="
                line += LogText.plain(value.description)
            }
            return line + "\n"
        }
    }

    /// A member twice in one object would be read by some programs and refused by others.
    private static let own: Set<String> = ["time", "level", "logger", "message"]
}
