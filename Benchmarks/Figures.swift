// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

func milliseconds(_ body: () throws -> Void) rethrows -> Double {
    let start = ContinuousClock.now
    try body()
    return milliseconds(since: start)
}

func milliseconds(since start: ContinuousClock.Instant) -> Double {
    (ContinuousClock.now - start) / .milliseconds(1)
}

func percentile(_ percent: Int, of values: [Double]) -> Double {
    values.sorted()[min(values.count - 1, values.count * percent / 100)]
}

/// The minimum, the median and the maximum of some values.
struct Spread {
    let min, median, max: Double
    let count: Int

    init(_ values: [Double]) {
        let sorted = values.sorted()
        min = sorted[0]
        max = sorted[sorted.count - 1]
        count = sorted.count
        median = (sorted[(count - 1) / 2] + sorted[count / 2]) / 2
    }
}

func decimals(_ value: Double) -> String {
    let hundredths = Int((value * 100).rounded())
    let sign = hundredths < 0 ? "-" : ""
    let fraction = abs(hundredths) % 100
    return "\(sign)\(abs(hundredths) / 100).\(fraction < 10 ? "0" : "")\(fraction)"
}

/// Formats a value with three significant digits, or with more if its integer part has more.
func figure(_ value: Double) -> String {
    switch abs(value) {
    case 100...: return "\(Int(value.rounded()))"
    case 10...:
        let tenths = Int((value * 10).rounded())
        return "\(tenths / 10).\(abs(tenths) % 10)"
    default: return decimals(value)
    }
}

func pad(_ text: String, _ width: Int) -> String {
    String(repeating: " ", count: max(0, width - text.count)) + text
}

/// Pads on the right, for words.
func fill(_ text: String, _ width: Int) -> String {
    text + String(repeating: " ", count: max(0, width - text.count))
}
