// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

import RBDAPI

/// The form of a setting's text, and the placeholder for it in `--help`.
struct SettingFormat<Value: Sendable>: Sendable {
    let valueName: String
    /// The value of an empty text; nil if the text must not be empty.
    var valueIfEmpty: Value?
    /// Throws what is wrong with the text.
    let parse: @Sendable (String) throws(ConfigurationError) -> Value
}

extension SettingFormat {
    /// A form whose flaws all have the same words.
    /// - Parameter flaw: what a text is if the closure returns nil, such as "neither true nor false".
    init(_ valueName: String, flaw: String, parse: @escaping @Sendable (String) -> Value?) {
        self.init(valueName: valueName) { text throws(ConfigurationError) in
            guard let value = parse(text) else { throw ConfigurationError("\"\(text)\" is \(flaw)") }
            return value
        }
    }
}

extension SettingFormat where Value == String {
    static func text(_ valueName: String) -> Self {
        Self(valueName: valueName) { text in text }
    }
}

extension SettingFormat where Value == Int {
    static func integer(_ valueName: String, in range: ClosedRange<Int>) -> Self {
        Self(valueName, flaw: "not a whole number from \(range.lowerBound) to \(range.upperBound)") { text in
            Int(text).flatMap { range.contains($0) ? $0 : nil }
        }
    }
}

extension SettingFormat where Value == Duration {
    /// A whole number of seconds.
    static func seconds(in range: ClosedRange<Int>) -> Self {
        let number = SettingFormat<Int>.integer("SECONDS", in: range)
        return Self(valueName: number.valueName) { text throws(ConfigurationError) in
            Duration.seconds(try number.parse(text))
        }
    }

    /// A duration with its unit, such as `24h`.
    static func duration(in range: ClosedRange<Duration>) -> Self {
        let bounds = "from \(range.lowerBound.components.seconds)s to \(range.upperBound.components.seconds)s"
        return Self("DURATION", flaw: "not \(DurationText.pattern), \(bounds)") { text in
            DurationText.parse(text).flatMap { range.contains($0) ? $0 : nil }
        }
    }
}

extension SettingFormat where Value == Bool {
    static var flag: Self {
        Self("BOOLEAN", flaw: "neither true nor false") { text in Bool(text) }
    }
}

extension SettingFormat where Value == [String] {
    /// A list that is separated by commas or blanks. It may be empty.
    static func list(_ valueName: String) -> Self {
        Self(valueName: valueName, valueIfEmpty: []) { text in
            text.split { $0 == "," || $0.isWhitespace }.map { String($0) }
        }
    }
}

extension SettingFormat where Value: CaseIterable & RawRepresentable, Value.RawValue == String {
    /// The raw value of one of the cases.
    static func choice(_ valueName: String) -> Self {
        let names = Value.allCases.map(\.rawValue).joined(separator: ", ")
        return Self(valueName, flaw: "not one of \(names)") { text in Value(rawValue: text) }
    }
}

// MARK: Formats of single settings

extension SettingFormat where Value == UInt32 {
    static var permissions: Self {
        Self("MODE", flaw: "not an octal mode, such as 0660") { text in
            UInt32(text, radix: 8).flatMap { $0 <= 0o777 ? $0 : nil }
        }
    }
}

extension SettingFormat where Value == MemoryLimit {
    static var memory: Self {
        Self("SIZE", flaw: "neither auto nor a size of 64MiB or more, such as 512MiB") { text in MemoryLimit(text) }
    }
}

extension SettingFormat where Value == ByteCount {
    static var size: Self {
        Self(valueName: "SIZE") { text throws(ConfigurationError) in
            do throws(ByteCount.ParseError) {
                return try ByteCount(parsing: text)
            } catch {
                throw ConfigurationError(error.reason)
            }
        }
    }
}

extension SettingFormat where Value == AuditTarget {
    static var auditTarget: Self {
        Self(valueName: "FILE") { text throws(ConfigurationError) in
            let target = AuditTarget(text)
            guard target != .standardOutput || AuditSink.hasStandardOutput else {
                throw ConfigurationError("standard output is closed")
            }
            return target
        }
    }
}
