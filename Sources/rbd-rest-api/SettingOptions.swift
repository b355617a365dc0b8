// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import RBDService

/// One option for each setting.
///
/// ArgumentParser takes the options from the mirror of an empty value, and decodes the given ones under the labels that
/// they have there. Both are made from the list of settings, so a new setting needs no property here.
struct SettingOptions: ParsableArguments, CustomReflectable {
    /// The texts of the options that are given, by the setting's name.
    private(set) var values: [String: String] = [:]

    init() {}

    init(from decoder: any Decoder) throws {
        let container = try decoder.container(keyedBy: Key.self)
        for setting in Settings.all {
            let option = try container.decode(Option<String?>.self, forKey: Key(stringValue: setting.name))
            values[setting.name] = option.wrappedValue
        }
    }

    var customMirror: Mirror {
        let children = Settings.all.map { setting -> Mirror.Child in
            (label: setting.name, value: Option<String?>(setting))
        }
        return Mirror(self, children: children)
    }

    /// The name of a setting.
    private struct Key: CodingKey {
        let stringValue: String
        var intValue: Int? { nil }

        init(stringValue: String) {
            self.stringValue = stringValue
        }

        init?(intValue: Int) {
            return nil
        }
    }
}

extension Option where Value == String? {
    /// A command-line option for a setting, with its help, environment variable and default.
    fileprivate init(_ setting: any SettingDeclaration) {
        let origin = ["env: \(setting.environmentName)"] + (setting.defaultValue.map { ["default: \($0)"] } ?? [])
        self.init(
            name: .customLong(setting.name),
            // A value may begin with dashes, as in --ceph-args "--mon-host …".
            parsing: .unconditional,
            help: ArgumentHelp("\(setting.help) [\(origin.joined(separator: ", "))]", valueName: setting.valueName)
        )
    }
}
