// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

import NIOCore
import Synchronization

/// The events of a moment.
final class KeptLines: Sendable {
    private let lines = Mutex<[ByteBuffer]>([])

    func add(_ more: [ByteBuffer]) {
        lines.withLock { $0 += more }
    }

    /// All lines, in no order. None are left.
    func take() -> [ByteBuffer] {
        lines.withLock { lines in
            defer { lines = [] }
            return lines.shuffled()
        }
    }
}

extension ByteBuffer {
    /// The next line with its line feed; nil if it is not complete.
    mutating func readLine() -> ByteBuffer? {
        guard let end = readableBytesView.firstIndex(of: UInt8(ascii: "\n")) else { return nil }
        return readSlice(length: end - readerIndex + 1)
    }
}
