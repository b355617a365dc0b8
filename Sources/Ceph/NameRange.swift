// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

/// A contiguous range of names in a directory, which is sorted by the bytes of the names.
public struct NameRange: Hashable, Sendable {
    let begin: [UInt8]
    /// Whether the range is only this name. Otherwise it is all names that begin with it.
    let isExact: Bool

    public init(prefix: String) { self.init(begin: Array(prefix.utf8), isExact: false) }

    public init(name: String) { self.init(begin: Array(name.utf8), isExact: true) }

    private init(begin: [UInt8], isExact: Bool) {
        (self.begin, self.isExact) = (begin, isExact)
    }

    enum Side {
        case before, within, after
    }

    /// The position of a name relative to the range.
    func place(of name: some Sequence<UInt8>) -> Side {
        if isExact ? name.elementsEqual(begin) : name.starts(with: begin) { return .within }
        return name.lexicographicallyPrecedes(begin) ? .before : .after
    }

    /// The intersection of two ranges. It is always one of them, because ranges with a common prefix are nested.
    /// - Returns: nil if it is empty.
    public func intersection(_ other: NameRange) -> NameRange? {
        if contains(other) { return other }
        return other.contains(self) ? self : nil
    }

    private func contains(_ other: NameRange) -> Bool {
        isExact ? other == self : other.begin.starts(with: begin)
    }

    /// Sorted like a directory, without ranges that are within others.
    static func ordered(_ ranges: some Sequence<NameRange>) -> [NameRange] {
        // Of two ranges with the same beginning, the larger one comes first.
        let sorted = ranges.sorted { one, other in
            one.begin == other.begin ? !one.isExact && other.isExact : one.begin.lexicographicallyPrecedes(other.begin)
        }
        var result: [NameRange] = []
        for range in sorted where result.last?.contains(range) != true { result.append(range) }
        return result
    }
}
