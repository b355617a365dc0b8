// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

/// Names that stand together in a directory, which is in the order of the names' bytes.
public struct NameRange: Hashable, Sendable {
    let begin: [UInt8]
    /// Only that very name; else all that begin so.
    let isExact: Bool

    public init(prefix: String) { self.init(begin: Array(prefix.utf8), isExact: false) }

    public init(name: String) { self.init(begin: Array(name.utf8), isExact: true) }

    private init(begin: [UInt8], isExact: Bool) {
        (self.begin, self.isExact) = (begin, isExact)
    }

    enum Side {
        case before, within, after
    }

    /// Where a name stands.
    func place(of name: some Sequence<UInt8>) -> Side {
        if isExact ? name.elementsEqual(begin) : name.starts(with: begin) { return .within }
        return name.lexicographicallyPrecedes(begin) ? .before : .after
    }

    /// What both have in common: one of them, as names that begin alike are one within the other.
    /// - Returns: nil where that is nothing.
    public func intersection(_ other: NameRange) -> NameRange? {
        if contains(other) { return other }
        return other.contains(self) ? self : nil
    }

    private func contains(_ other: NameRange) -> Bool {
        isExact ? other == self : other.begin.starts(with: begin)
    }

    /// In the order of a directory, without those that are within others.
    static func ordered(_ ranges: some Sequence<NameRange>) -> [NameRange] {
        // Of two with the same beginning the larger comes first.
        let sorted = ranges.sorted { one, other in
            one.begin == other.begin ? !one.isExact && other.isExact : one.begin.lexicographicallyPrecedes(other.begin)
        }
        var result: [NameRange] = []
        for range in sorted where result.last?.contains(range) != true { result.append(range) }
        return result
    }
}
