// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

import FoundationEssentials

/// A time of the Kubernetes API (RFC 3339): `Time` has seconds, `MicroTime` microseconds.
public struct KubernetesTime: Hashable, Comparable, Sendable, CustomStringConvertible {
    /// Since 1970-01-01T00:00:00Z.
    public var microseconds: Int64

    public init(microseconds: Int64) {
        self.microseconds = microseconds
    }

    /// The time of the system's clock.
    public static var now: KubernetesTime {
        KubernetesTime(microseconds: Int64((Date().timeIntervalSince1970 * 1_000_000).rounded()))
    }

    public static func < (one: KubernetesTime, other: KubernetesTime) -> Bool {
        one.microseconds < other.microseconds
    }

    /// The time as `Time`, such as `2026-07-01T12:00:00Z`. Fractions of a second are dropped.
    public var description: String { Self.dateAndTime(seconds) + "Z" }

    /// The time as `MicroTime`, such as `2026-07-01T12:00:00.000000Z`.
    public var microText: String {
        let fraction = microseconds - seconds * 1_000_000
        return Self.dateAndTime(seconds) + "." + Self.padded(fraction, 6) + "Z"
    }

    private var seconds: Int64 { Self.quotient(microseconds, 1_000_000) }

    /// The quotient, rounded down: times before 1970 are negative.
    private static func quotient(_ number: Int64, _ divisor: Int64) -> Int64 {
        number >= 0 ? number / divisor : -((divisor - 1 - number) / divisor)
    }

    /// - Returns: nil if the text is not a time of RFC 3339. Digits after the microseconds are ignored.
    public init?(_ text: String) {
        let bytes = Array(text.utf8)
        guard bytes.count >= 20, bytes[4] == Self.dash, bytes[7] == Self.dash,
            bytes[10] == UInt8(ascii: "T") || bytes[10] == UInt8(ascii: "t"), bytes[13] == Self.colon,
            bytes[16] == Self.colon,
            let year = Self.number(bytes[0..<4]), let month = Self.number(bytes[5..<7]),
            let day = Self.number(bytes[8..<10]), let hour = Self.number(bytes[11..<13]),
            let minute = Self.number(bytes[14..<16]), let second = Self.number(bytes[17..<19]),
            (1...12).contains(month), (1...31).contains(day), hour < 24, minute < 60, second <= 60
        else { return nil }
        var rest = bytes[19...]
        var fraction: Int64 = 0
        if rest.first == UInt8(ascii: ".") {
            let digits = rest.dropFirst().prefix { (0x30...0x39).contains($0) }
            guard !digits.isEmpty, let value = Self.number(digits.prefix(6)) else { return nil }
            fraction = value
            for _ in digits.count..<max(6, digits.count) { fraction *= 10 }
            rest = rest.dropFirst(1 + digits.count)
        }
        guard let offset = Self.offset(Array(rest)) else { return nil }
        let time: Int64 = hour * 3600 + minute * 60 + second
        let seconds: Int64 = Self.days(year, month, day) * 86_400 + time - offset
        microseconds = seconds * 1_000_000 + fraction
    }

    private static let dash = UInt8(ascii: "-")
    private static let colon = UInt8(ascii: ":")

    /// The offset from UTC in seconds: `Z`, `+02:00`.
    private static func offset(_ bytes: [UInt8]) -> Int64? {
        if bytes == [UInt8(ascii: "Z")] || bytes == [UInt8(ascii: "z")] { return 0 }
        guard bytes.count == 6, bytes[0] == UInt8(ascii: "+") || bytes[0] == dash, bytes[3] == colon,
            let hours = number(bytes[1..<3]), let minutes = number(bytes[4..<6]), hours < 24, minutes < 60
        else { return nil }
        let offset = hours * 3600 + minutes * 60
        return bytes[0] == dash ? -offset : offset
    }

    private static func number(_ digits: ArraySlice<UInt8>) -> Int64? {
        var number: Int64 = 0
        for digit in digits {
            guard (0x30...0x39).contains(digit) else { return nil }
            number = number * 10 + Int64(digit - 0x30)
        }
        return number
    }

    private static func padded(_ number: Int64, _ digits: Int) -> String {
        let text = String(number)
        return String(repeating: "0", count: max(0, digits - text.utf8.count)) + text
    }

    private static func dateAndTime(_ seconds: Int64) -> String {
        let days = quotient(seconds, 86_400)
        let (year, month, day) = date(days)
        let time = seconds - days * 86_400
        let clock = [time / 3600, time / 60 % 60, time % 60].map { padded($0, 2) }.joined(separator: ":")
        return "\(padded(year, 4))-\(padded(month, 2))-\(padded(day, 2))T\(clock)"
    }

    /// The number of days since 1970-01-01, in the Gregorian calendar. Years start in March here, so that a leap day is
    /// the last day of its year.
    private static func days(_ year: Int64, _ month: Int64, _ day: Int64) -> Int64 {
        let year = month <= 2 ? year - 1 : year
        let era = year / 400
        let yearOfEra = year - era * 400
        let shiftedMonth: Int64 = month > 2 ? month - 3 : month + 9
        let dayOfYear: Int64 = (153 * shiftedMonth + 2) / 5 + day - 1
        let leapDays: Int64 = yearOfEra / 4 - yearOfEra / 100
        let dayOfEra: Int64 = yearOfEra * 365 + leapDays + dayOfYear
        return era * 146_097 + dayOfEra - 719_468
    }

    /// The reverse of `days`.
    private static func date(_ days: Int64) -> (year: Int64, month: Int64, day: Int64) {
        let shifted = days + 719_468
        let era = shifted / 146_097
        let dayOfEra = shifted - era * 146_097
        let leapDays: Int64 = dayOfEra / 1460 - dayOfEra / 36_524 + dayOfEra / 146_096
        let yearOfEra: Int64 = (dayOfEra - leapDays) / 365
        let daysBefore: Int64 = 365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100
        let dayOfYear: Int64 = dayOfEra - daysBefore
        let shiftedMonth = (5 * dayOfYear + 2) / 153
        let month = shiftedMonth < 10 ? shiftedMonth + 3 : shiftedMonth - 9
        let day = dayOfYear - (153 * shiftedMonth + 2) / 5 + 1
        return (yearOfEra + era * 400 + (month <= 2 ? 1 : 0), month, day)
    }
}

extension JSONObject {
    /// A time; nil if the member is missing, null, or not a time.
    public subscript(time key: String) -> KubernetesTime? {
        self[string: key].flatMap { KubernetesTime($0) }
    }
}
