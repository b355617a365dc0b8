// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

/// Warnings for the author of a volume that is allowed: kubectl prints them.
enum AdmissionWarning {
    /// If all warnings together are too long, an API server cuts each to this length. It drops warnings with control
    /// characters.
    static let maximumCharacters = 256

    /// A sentence in a form that API servers pass on. Names of images may contain any characters.
    static func text(_ sentence: String) -> String {
        var text = ""
        for scalar in sentence.unicodeScalars {
            switch scalar.properties.generalCategory {
            case .control, .format, .lineSeparator, .paragraphSeparator, .surrogate, .privateUse, .unassigned:
                text += "\\u{\(String(scalar.value, radix: 16))}"
            default: text.unicodeScalars.append(scalar)
            }
        }
        guard text.unicodeScalars.count > maximumCharacters else { return text }
        return String(String.UnicodeScalarView(text.unicodeScalars.prefix(maximumCharacters - 1))) + "…"
    }
}
