// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

import FoundationEssentials

/// Times in the API's format, with milliseconds: operations are sorted by them.
enum Timestamp {
    private static let style = Date.ISO8601FormatStyle(includingFractionalSeconds: true)

    static func text(_ date: Date) -> String { date.formatted(style) }

    static var now: String { text(Date()) }

    static func date(_ text: String) -> Date? { try? style.parse(text) }
}
