// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

/// Prometheus' text format, version 0.0.4.
struct PrometheusText {
    static let contentType = "text/plain; version=0.0.4; charset=utf-8"

    private(set) var text = ""

    mutating func head(_ name: String, _ kind: Metric.Kind, help: String?) {
        if let help { text += "# HELP \(name) \(Self.escaped(help, quotes: false))\n" }
        text += "# TYPE \(name) \(kind.rawValue)\n"
    }

    /// - Parameter labels: in the form of ``labels(_:)``.
    mutating func sample(_ name: String, labels: String, _ value: Double) {
        text += name
        if !labels.isEmpty { text += "{\(labels)}" }
        text += " \(Self.number(value))\n"
    }

    /// Longer values of labels are cut: no name is that long.
    static let maximumLabelLength = 256

    /// The labels between the braces, sorted, so that equal labels give equal text.
    static func labels(_ labels: [(String, String)]) -> String {
        var seen: Set<String> = []
        return labels.map { (labelName($0.0), $0.1) }
            .filter { seen.insert($0.0).inserted }
            .sorted { $0.0 < $1.0 }
            .map { name, value in "\(name)=\"\(escaped(String(value.prefix(maximumLabelLength)), quotes: true))\"" }
            .joined(separator: ",")
    }

    static func number(_ value: Double) -> String {
        if value.isNaN { return "NaN" }
        if value.isInfinite { return value < 0 ? "-Inf" : "+Inf" }
        if let whole = Int64(exactly: value), whole.magnitude < 1 << 53 { return "\(whole)" }
        return "\(value)"
    }

    /// The Prometheus name of a library's metric, such as `http.server.requests`.
    static func metricName(_ label: String) -> String {
        name(label) { $0 == UInt8(ascii: ":") }
    }

    private static func labelName(_ text: String) -> String {
        let name = name(text) { _ in false }
        // Histograms reserve `le`, and Prometheus reserves names that begin with two underscores.
        return name == "le" || name.hasPrefix("__") ? "exported_\(name)" : name
    }

    private static func name(_ text: String, alsoTaking isTaken: (UInt8) -> Bool) -> String {
        var bytes = text.utf8.map { byte in
            switch byte {
            case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                UInt8(ascii: "0")...UInt8(ascii: "9"):
                byte
            default: isTaken(byte) ? byte : UInt8(ascii: "_")
            }
        }
        let isDigit = bytes.first.map { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) } ?? true
        if isDigit { bytes.insert(UInt8(ascii: "_"), at: 0) }
        return String(decoding: bytes, as: UTF8.self)
    }

    private static func escaped(_ text: String, quotes: Bool) -> String {
        var result = ""
        // By scalars: in Swift, "\r\n" is one character, and its line feed would end the line.
        for scalar in text.unicodeScalars {
            switch scalar {
            case "\\": result += "\\\\"
            case "\n": result += "\\n"
            case "\"" where quotes: result += "\\\""
            default: result.unicodeScalars.append(scalar)
            }
        }
        return result
    }
}
