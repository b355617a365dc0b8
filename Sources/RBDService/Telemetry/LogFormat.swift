// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

import Logging

/// The format of log lines.
public enum LogFormat: String, CaseIterable, Sendable {
    /// One JSON object per line, for programs.
    case json
    /// For people.
    case text
}

extension LogFormat {
    /// A line with its line feed. Control characters are escaped in both formats. So no name or message of a caller can
    /// add a line, or send a command to a terminal.
    func line(time: String, level: Logger.Level, label: String, message: String, metadata: Logger.Metadata) -> String {
        let members = metadata.sorted { $0.key < $1.key }
        switch self {
        case .json:
            var line = "{\"time\":\"\(time)\",\"level\":\"\(level.rawValue)\",\"logger\":\(LogText.quoted(label))"
            line += ",\"message\":\(LogText.quoted(message))"
            for (key, value) in members {
                let name = Self.own.contains(key) ? "metadata.\(key)" : key
                line += ",\(LogText.quoted(name)):\(LogText.json(value))"
            }
            return line + "}\n"
        case .text:
            var line = "\(time) \(level.rawValue) \(LogText.escaped(message))"
            for (key, value) in members { line += " \(LogText.plain(key))=\(LogText.plain(value.description))" }
            return line + "\n"
        }
    }

    /// Keys must not repeat in a JSON object: some programs accept that, others refuse it.
    private static let own: Set<String> = ["time", "level", "logger", "message"]
}
