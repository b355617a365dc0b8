// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

/// A release of Ceph, such as `16.2.15`, which can be compared with others.
public struct Release: Hashable, Comparable, Sendable, CustomStringConvertible {
    public let description: String
    private let parts: [Int]

    /// - Parameter text: the result is nil if it does not begin with a number.
    public init?(_ text: String) {
        let parts = text.split { $0 == "." || $0 == "-" }.prefix { Int($0) != nil }.compactMap { Int($0) }
        guard !parts.isEmpty else { return nil }
        self.parts = parts
        description = text
    }

    /// The number of a named release: 16 is Pacific.
    public var major: Int { parts[0] }

    public static func < (left: Release, right: Release) -> Bool {
        left.parts.lexicographicallyPrecedes(right.parts)
    }
}
