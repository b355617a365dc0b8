// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

import FoundationEssentials
import YAML

/// A configuration file: one flat mapping of settings' names to values, in YAML or JSON.
struct ConfigurationFile {
    var values: [String: String] = [:]

    /// - Throws: `ConfigurationError` with the file, the line and what is wrong there.
    init(path: String) throws(ConfigurationError) {
        let text: String
        do {
            text = try String(contentsOfFile: path, encoding: .utf8)
        } catch {
            throw ConfigurationError("the configuration file \"\(path)\" can't be read")
        }
        self = try ConfigurationError.naming(path) { () throws(ConfigurationError) in try ConfigurationFile(text: text)
        }
    }

    init(text: String) throws(ConfigurationError) {
        let root = try YAMLNode.configuration(text)
        if root.isNull { return }
        guard let entries = root.entries else {
            throw ConfigurationError("line \(root.line): it must be a mapping of settings, such as \"port: 8080\"")
        }
        for entry in entries {
            guard Settings.all.contains(where: { $0.name == entry.key }) else {
                throw ConfigurationError("line \(entry.line): there is no setting \"\(entry.key)\"")
            }
            guard let value = entry.value.text else {
                throw ConfigurationError("line \(entry.line): \(entry.key) takes a single value")
            }
            if !entry.value.isNull { values[entry.key] = value }
        }
    }
}

extension YAMLNode {
    /// Parses a document of the operator.
    /// - Throws: `ConfigurationError` with the line and what is wrong there.
    static func configuration(_ text: String) throws(ConfigurationError) -> YAMLNode {
        do {
            return try parse(text)
        } catch {
            throw ConfigurationError("\(error)")
        }
    }
}

extension ConfigurationError {
    /// Runs the body, and puts the file's path before the message of its error.
    static func naming<Value>(
        _ path: String,
        _ read: () throws(ConfigurationError) -> Value
    ) throws(ConfigurationError) -> Value {
        do throws(ConfigurationError) {
            return try read()
        } catch {
            throw ConfigurationError("\(path): \(error)")
        }
    }
}
