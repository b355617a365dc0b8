// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

/// What is known of a setting without the type of its value.
public protocol SettingDeclaration: Sendable {
    /// The name on the command line, without dashes, and in the configuration file.
    var name: String { get }
    /// The placeholder for the value in `--help`.
    var valueName: String { get }
    /// Nil if there is no default: then the setting is unset.
    var defaultValue: String? { get }
    var help: String { get }

    /// The value of a text.
    /// - Parameter text: nil if the setting is unset or empty.
    /// - Throws: `ConfigurationError` with what is wrong with the text, without the name of the setting.
    func value(of text: String?) throws(ConfigurationError) -> any Sendable
}

extension SettingDeclaration {
    /// The name of its environment variable.
    public var environmentName: String {
        "RBD_REST_API_" + name.uppercased().map { $0 == "-" ? "_" : String($0) }.joined()
    }
}

/// A setting: its name, meaning, default and how its text is read.
public struct Setting<Value: Sendable>: SettingDeclaration {
    public let name: String
    public let valueName: String
    public let defaultValue: String?
    public let help: String
    private let read: @Sendable (String?) throws(ConfigurationError) -> Value

    /// A setting that always has a value.
    /// - Parameter help: a closure only so that the text stands in braces, where it takes the fewest lines.
    init(_ name: String, _ format: SettingFormat<Value>, default defaultValue: String, help: () -> String) {
        self.name = name
        valueName = format.valueName
        self.defaultValue = defaultValue
        self.help = help()
        read = { text throws(ConfigurationError) in
            if let text { return try format.parse(text) }
            guard let value = format.valueIfEmpty else { throw ConfigurationError("it must not be empty") }
            return value
        }
    }

    /// A setting without a default. Its value is nil if it is unset or empty.
    init<Wrapped>(_ name: String, _ format: SettingFormat<Wrapped>, help: () -> String) where Value == Wrapped? {
        self.name = name
        valueName = format.valueName
        defaultValue = nil
        self.help = help()
        read = { text throws(ConfigurationError) in
            guard let text else { return nil }
            return try format.parse(text)
        }
    }

    public func value(of text: String?) throws(ConfigurationError) -> any Sendable {
        try read(text)
    }
}
