// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

/// Why a text is not a usable YAML document, and where.
public struct YAMLError: Error, Hashable, Sendable, CustomStringConvertible {
    /// 1-based; 0 if the problem has no position in the text.
    public var line: Int
    /// 1-based, in characters; 0 if the problem has no position in the text.
    public var column: Int
    public var reason: String

    public init(line: Int, column: Int, reason: String) {
        self.line = line
        self.column = column
        self.reason = reason
    }

    static let outOfMemory = YAMLError(line: 0, column: 0, reason: "out of memory")

    public var description: String {
        line > 0 ? "line \(line), column \(column): \(reason)" : reason
    }
}
