// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

/// A pattern that matches any part of a name. `*` matches any characters, `?` matches one.
///
/// It is not a regular expression, because some of those take exponential time and would keep the service busy. This
/// one compares each pair of characters of pattern and name at most once.
struct NamePattern: Sendable {
    private let pattern: [Unicode.Scalar]

    init(_ text: String) {
        pattern = Array("*\(text)*".unicodeScalars)
    }

    func matches(_ name: String) -> Bool {
        let name = Array(name.unicodeScalars)
        var (inPattern, inName) = (0, 0)
        // Where to continue if the text after the last star does not match.
        var lastStar: (pattern: Int, name: Int)?
        while inName < name.count {
            if inPattern < pattern.count, pattern[inPattern] == "*" {
                lastStar = (inPattern, inName)
                inPattern += 1
            } else if inPattern < pattern.count, pattern[inPattern] == "?" || pattern[inPattern] == name[inName] {
                inPattern += 1
                inName += 1
            } else if let (star, position) = lastStar {
                // The star matches one more character.
                lastStar = (star, position + 1)
                inPattern = star + 1
                inName = position + 1
            } else {
                return false
            }
        }
        return pattern[inPattern...].allSatisfy { $0 == "*" }
    }
}
