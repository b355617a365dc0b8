// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

import Synchronization

/// Splits a stream of bytes into lines, wherever its parts end.
struct LineSplitter {
    struct TooLong: Error, Hashable {
        /// The maximum length of a line in bytes.
        var limit: Int
    }

    /// The maximum length of a line in bytes. etcd stores objects of 1.5 MiB at most; escaped as JSON they are larger.
    let limit: Int
    private var pending: [UInt8] = []

    init(limit: Int = 16 << 20) {
        self.limit = limit
    }

    /// - Returns: the lines that are complete now, without their ends. Empty lines are left out.
    /// - Throws: ``TooLong`` as soon as a line is too long, complete or not.
    mutating func append<Bytes: Collection>(_ bytes: Bytes) throws(TooLong) -> [[UInt8]] where Bytes.Element == UInt8 {
        var lines: [[UInt8]] = []
        var rest = bytes[bytes.startIndex...]
        while let end = rest.firstIndex(of: 0x0A) {
            try take(rest[..<end])
            if !pending.isEmpty { lines.append(pending) }
            pending = []
            rest = rest[rest.index(after: end)...]
        }
        try take(rest)
        return lines
    }

    private mutating func take<Bytes: Collection>(_ bytes: Bytes) throws(TooLong) where Bytes.Element == UInt8 {
        guard pending.count + bytes.count <= limit else { throw TooLong(limit: limit) }
        pending.append(contentsOf: bytes)
    }
}

/// The lines of one watch.
final class WatchLines: Sendable {
    private let splitter = Mutex(LineSplitter())

    /// - Throws: ``LineSplitter/TooLong``.
    func append(_ bytes: [UInt8]) throws -> [[UInt8]] {
        try splitter.withLock { splitter in
            try splitter.append(bytes)
        }
    }
}
