// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

/// The texts of the settings in force. The command line overrides the environment, which overrides the configuration
/// file, which overrides the defaults.
public struct SettingValues: Sendable {
    private struct Value: Sendable {
        var text: String
        var source: String
    }

    private var values: [String: Value] = [:]

    /// - Parameters:
    ///   - commandLine: values by the setting's name.
    ///   - environment: all environment variables of the process.
    ///   - file: the path of a YAML or JSON file.
    /// - Throws: `ConfigurationError` for a file that can't be read or contains unknown settings.
    public init(
        commandLine: [String: String],
        environment: [String: String],
        file: String?
    ) throws(ConfigurationError) {
        var fromFile: [String: String] = [:]
        if let file { fromFile = try ConfigurationFile(path: file).values }
        let environment = Self.withoutServiceLinks(environment)
        for setting in Settings.all {
            let candidates: [(String?, String)] = [
                (commandLine[setting.name], "command line"),
                (environment[setting.environmentName], "environment \(setting.environmentName)"),
                (fromFile[setting.name], file ?? ""),
                (setting.defaultValue, "default"),
            ]
            // An empty text counts, too: it unsets what the next source has.
            for case (let text?, let source) in candidates {
                values[setting.name] = Value(text: text, source: source)
                break
            }
        }
    }

    /// - Throws: `ConfigurationError` with the name of the setting and the source of its text.
    func value(of setting: any SettingDeclaration) throws(ConfigurationError) -> any Sendable {
        do throws(ConfigurationError) {
            return try setting.value(of: values[setting.name].flatMap { $0.text.isEmpty ? nil : $0.text })
        } catch {
            throw self.error(setting, error.description)
        }
    }

    func error(_ setting: any SettingDeclaration, _ reason: String) -> ConfigurationError {
        ConfigurationError("\(setting.name) (\(values[setting.name]?.source ?? "unset")): \(reason)")
    }

    /// The output of `--print-config`: a YAML file with the same settings, and the origin of each value.
    public var report: String {
        Settings.all.map { setting in
            guard let value = values[setting.name] else { return "# \(setting.name): unset" }
            let isPlain = value.text.allSatisfy { $0.isASCII && ($0.isLetter || $0.isNumber || "./_-".contains($0)) }
            // A lone dash would begin a list.
            let text =
                isPlain && !value.text.isEmpty && value.text != "-"
                ? value.text : "'\(value.text.replacing("'", with: "''"))'"
            return "\(setting.name): \(text)  # \(value.source)"
        }.joined(separator: "\n")
    }

    /// Kubernetes sets variables in every pod for every Service of its namespace. For a Service named rbd-rest-api that
    /// includes `RBD_REST_API_PORT=tcp://10.0.0.1:8080`, which is not a port number. A Service named
    /// rbd-rest-api-webhook does the same to `RBD_REST_API_WEBHOOK_PORT`.
    private static func withoutServiceLinks(_ environment: [String: String]) -> [String: String] {
        environment.filter { name, value in
            !(name.hasSuffix("_PORT") && value.contains("://"))
        }
    }
}

/// The values of the settings in force. `settings.port` is the value of ``Settings/port``.
@dynamicMemberLookup
struct ParsedSettings: Sendable {
    private let texts: SettingValues
    private var values: [String: any Sendable] = [:]

    /// - Throws: `ConfigurationError` for the first setting, in the order of `--help`, with an invalid text.
    init(_ texts: SettingValues) throws(ConfigurationError) {
        self.texts = texts
        for setting in Settings.all { values[setting.name] = try texts.value(of: setting) }
    }

    subscript<Value>(dynamicMember path: KeyPath<Settings, Setting<Value>>) -> Value {
        get {
            guard let stored = values[Settings.declared[keyPath: path].name], let value = stored as? Value else {
                preconditionFailure("each setting has a value of its type")
            }
            return value
        }
        set { values.updateValue(newValue, forKey: Settings.declared[keyPath: path].name) }
    }

    /// An error that names the setting and the source of its text.
    func error<Value>(_ path: KeyPath<Settings, Setting<Value>>, _ reason: String) -> ConfigurationError {
        texts.error(Settings.declared[keyPath: path], reason)
    }
}
