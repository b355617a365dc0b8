// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

import Configuration
import Synchronization
import YAML

/// The settings in force. The command line overrides the environment, which overrides the configuration file, which
/// overrides the defaults.
public struct SettingValues: Sendable {
    private struct Value: Sendable {
        var text: String
        var source: String
    }

    private var values: [String: Value] = [:]

    /// - Parameters:
    ///   - commandLine: values by the setting's name.
    /// - environment: all environment variables of the process.
    /// - file: the path of a YAML or JSON file.
    /// - Throws: `ConfigurationError` for a file that can't be read or contains unknown settings.
    public init(
        commandLine: [String: String],
        environment: [String: String],
        file: String?
    ) throws(ConfigurationError) {
        var sources = ["command line", "environment"]
        var providers: [any ConfigProvider] = [
            Self.provider(commandLine, name: "command line"),
            EnvironmentVariablesProvider(environmentVariables: Self.withoutServiceLinks(environment)),
        ]
        if let file {
            sources.append(file)
            providers.append(Self.provider(try ConfigurationFile(path: file).values, name: file))
        }
        sources.append("default")
        providers.append(
            Self.provider(
                Dictionary(
                    uniqueKeysWithValues: Setting.all.compactMap { setting in
                        setting.defaultValue.map { (setting.name, $0) }
                    }
                ),
                name: "default"
            )
        )
        let recorder = WinnerRecorder()
        let reader = ConfigReader(providers: providers, accessReporter: recorder)
        for setting in Setting.all {
            guard let text = reader.string(forKey: Self.key(setting.name)) else { continue }
            let winner = recorder.lastWinner.map { sources[$0] } ?? "default"
            values[setting.name] = Value(
                text: text,
                source: winner == "environment" ? "environment \(setting.environmentName)" : winner
            )
        }
    }

    /// Nil if the setting is unset or empty.
    public func optional(_ setting: Setting) -> String? {
        values[setting.name].flatMap { $0.text.isEmpty ? nil : $0.text }
    }

    func text(_ setting: Setting) throws(ConfigurationError) -> String {
        guard let text = optional(setting) else { throw error(setting, "it must not be empty") }
        return text
    }

    func integer(_ setting: Setting, in range: ClosedRange<Int>) throws(ConfigurationError) -> Int {
        let text = try text(setting)
        guard let number = Int(text), range.contains(number) else {
            throw error(setting, "\"\(text)\" is not a whole number from \(range.lowerBound) to \(range.upperBound)")
        }
        return number
    }

    func flag(_ setting: Setting) throws(ConfigurationError) -> Bool {
        let text = try text(setting)
        guard let flag = Bool(text) else { throw error(setting, "\"\(text)\" is neither true nor false") }
        return flag
    }

    func duration(_ setting: Setting, in range: ClosedRange<Duration>) throws(ConfigurationError) -> Duration {
        let text = try text(setting)
        guard let duration = DurationText.parse(text), range.contains(duration) else {
            let bounds = "from \(range.lowerBound.components.seconds)s to \(range.upperBound.components.seconds)s"
            throw error(setting, "\"\(text)\" is not \(DurationText.pattern), \(bounds)")
        }
        return duration
    }

    func error(_ setting: Setting, _ reason: String) -> ConfigurationError {
        ConfigurationError("\(setting.name) (\(values[setting.name]?.source ?? "unset")): \(reason)")
    }

    /// The output of `--print-config`: a YAML file with the same settings, and the origin of each value.
    public var report: String {
        Setting.all.map { setting in
            guard let value = values[setting.name] else { return "# \(setting.name): unset" }
            let isPlain = value.text.allSatisfy { $0.isASCII && ($0.isLetter || $0.isNumber || "./_-".contains($0)) }
            // A lone dash would begin a list.
            let text =
                isPlain && !value.text.isEmpty && value.text != "-"
                ? value.text : "'\(value.text.replacing("'", with: "''"))'"
            return "\(setting.name): \(text)  # \(value.source)"
        }.joined(separator: "\n")
    }

    private static func key(_ name: String) -> ConfigKey {
        ConfigKey(["rbd-rest-api", name])
    }

    private static func provider(_ values: [String: String], name: String) -> InMemoryProvider {
        InMemoryProvider(
            name: name,
            values: Dictionary(
                uniqueKeysWithValues: values.map { name, text in
                    (AbsoluteConfigKey(["rbd-rest-api", name]), ConfigValue(.string(text), isSecret: false))
                }
            )
        )
    }

    /// Kubernetes sets variables in every pod for every Service of its namespace. For a Service named rbd-rest-api that
    /// includes `RBD_REST_API_PORT=tcp://10.0.0.1:8080`, which is not a port number.
    private static func withoutServiceLinks(_ environment: [String: String]) -> [String: String] {
        environment.filter { name, value in
            !(name == Setting.port.environmentName && value.contains("://"))
        }
    }
}

/// Remembers which provider had the value that was read last.
private final class WinnerRecorder: AccessReporter {
    private let winner = Mutex<Int?>(nil)

    var lastWinner: Int? { winner.withLock { $0 } }

    func report(_ event: AccessEvent) {
        let index = event.providerResults.firstIndex { result in
            if case .success(let lookup) = result.result { lookup.value != nil } else { false }
        }
        winner.withLock { $0 = index }
    }
}
