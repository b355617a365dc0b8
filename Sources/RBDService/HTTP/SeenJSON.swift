// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

import FoundationEssentials
import NIOCore

/// JSON without anything that its reader must not see.
struct SeenJSON: Sendable {
    let buffer: ByteBuffer

    /// A value with its keys sorted, so that equal values give equal bytes.
    /// - Returns: nil if the value can't be encoded.
    init?(_ seen: Seen<some Redacted>) {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        guard let data = try? encoder.encode(seen.value) else { return nil }
        buffer = ByteBuffer(bytes: data)
    }

    /// What a writer has written. Writers take `Seen` values.
    init(_ writer: JSONWriter) {
        buffer = writer.buffer
    }
}
