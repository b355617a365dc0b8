// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

/// A part of a name: it may stand anywhere in it, `*` is any characters and `?` is one.
///
/// No regular expression: those that are known to take exponential time would be a way to keep the service busy. This
/// one looks at each pair of characters of pattern and name once at the most.
struct NamePattern: Sendable {
    private let pattern: [Unicode.Scalar]

    init(_ text: String) {
        pattern = Array("*\(text)*".unicodeScalars)
    }

    func matches(_ name: String) -> Bool {
        let name = Array(name.unicodeScalars)
        var (inPattern, inName) = (0, 0)
        // Where to go on when what follows the last star turns out not to fit.
        var lastStar: (pattern: Int, name: Int)?
        while inName < name.count {
            if inPattern < pattern.count, pattern[inPattern] == "*" {
                lastStar = (inPattern, inName)
                inPattern += 1
            } else if inPattern < pattern.count, pattern[inPattern] == "?" || pattern[inPattern] == name[inName] {
                inPattern += 1
                inName += 1
            } else if let (star, position) = lastStar {
                // The star takes one character more.
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
