// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

import RBDAPI

/// Durations in settings and queries: `90`, `90s`, `30m`, `24h`, `7d`.
enum DurationText {
    /// The accepted form, for messages.
    static let pattern = "whole seconds, or a whole number with s, m, h or d, such as 24h"

    /// The longest that is accepted: ten years.
    static let maximum = Duration.seconds(10 * 366 * 86_400)

    /// - Returns: nil if the text is not a duration, or exceeds the maximum.
    static func parse(_ text: String) -> Duration? {
        let digits = text.prefix { $0.isASCII && $0.isNumber }
        guard let number = Int64(digits), let unit = seconds(in: text.dropFirst(digits.count)) else { return nil }
        let (total, overflows) = number.multipliedReportingOverflow(by: unit)
        guard !overflows, .seconds(total) <= maximum else { return nil }
        return .seconds(total)
    }

    /// A duration in whole seconds, in the largest unit that gives a whole number: `24h`.
    static func text(of duration: Duration) -> String {
        let total = duration.components.seconds
        let units: [Substring] = ["d", "h", "m"]
        let unit = units.first { total > 0 && total.isMultiple(of: seconds(in: $0) ?? 1) } ?? "s"
        return "\(total / (seconds(in: unit) ?? 1))\(unit)"
    }

    private static func seconds(in unit: Substring) -> Int64? {
        switch unit {
        case "", "s": 1
        case "m": 60
        case "h": 3600
        case "d": 86_400
        default: nil
        }
    }
}

extension Query {
    /// - Throws: `Problem` with `invalid-parameter`.
    func duration(_ name: String) throws(Problem) -> Duration? {
        guard let text = self[name] else { return nil }
        guard let duration = DurationText.parse(text) else {
            throw Self.invalid(name, "it must be \(DurationText.pattern), ten years at most")
        }
        return duration
    }
}
