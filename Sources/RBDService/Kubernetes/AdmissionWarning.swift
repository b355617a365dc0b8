// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

/// What is told to whoever applies a volume that is allowed: kubectl prints it.
enum AdmissionWarning {
    /// An API server cuts all warnings to that where they are too long together, and drops one with control characters.
    static let maximumCharacters = 256

    /// A sentence as an API server passes it on. Names of images may hold anything.
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
