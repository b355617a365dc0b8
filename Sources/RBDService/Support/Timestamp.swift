// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

import FoundationEssentials

/// Moments as the API writes them, to the millisecond: operations are listed in their order.
enum Timestamp {
    private static let style = Date.ISO8601FormatStyle(includingFractionalSeconds: true)

    static func text(_ date: Date) -> String { date.formatted(style) }

    static var now: String { text(Date()) }

    static func date(_ text: String) -> Date? { try? style.parse(text) }
}
