// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

/// The answer of `/metrics`, parsed as strictly as the format allows.
public struct Exposition: Sendable {
    public struct Sample: Sendable {
        public var name: String
        public var labels: [String: String]
        public var value: Double
    }

    public struct Failure: Error, CustomStringConvertible {
        public var description: String
    }

    /// The types by the metric's name.
    public var types: [String: String] = [:]
    public var samples: [Sample] = []
    private var help: Set<String> = []

    /// - Throws: `Failure` for the first line that is not valid.
    public init(_ text: String) throws {
        guard text.unicodeScalars.last == "\n" else { throw Failure(description: "the last line is not ended") }
        var current = ""
        var seen: Set<String> = []
        // Split by scalars, because "\r
        // " is a single character.
        for scalars in text.unicodeScalars.split(separator: "\n", omittingEmptySubsequences: false).dropLast() {
            let line = String(scalars)
            let parts = line.split(separator: " ", maxSplits: 3, omittingEmptySubsequences: false).map(String.init)
            if parts.count == 4, parts[0] == "#", parts[1] == "HELP" {
                guard help.insert(parts[2]).inserted, types[parts[2]] == nil, !parts[3].isEmpty else {
                    throw Failure(description: line)
                }
            } else if parts.count == 4, parts[0] == "#", parts[1] == "TYPE" {
                guard types[parts[2]] == nil, ["counter", "gauge", "histogram"].contains(parts[3]) else {
                    throw Failure(description: line)
                }
                current = parts[2]
                types[current] = parts[3]
            } else {
                let sample = try Self.sample(line)
                let suffixes = types[current] == "histogram" ? ["_bucket", "_sum", "_count"] : [""]
                let labels = sample.labels.sorted { $0.key < $1.key }
                guard suffixes.contains(where: { sample.name == current + $0 }),
                    seen.insert("\(sample.name) \(labels)").inserted
                else { throw Failure(description: "out of place or twice: \(line)") }
                samples.append(sample)
            }
        }
        try checkValues()
    }

    /// The values of all series of a metric that have these labels.
    public func values(_ name: String, _ labels: [String: String] = [:]) -> [Double] {
        samples.filter { sample in
            sample.name == name && labels.allSatisfy { sample.labels[$0.key] == $0.value }
        }.map(\.value)
    }

    private func checkValues() throws {
        for (name, type) in types where type == "counter" {
            guard name.hasSuffix("_total"), values(name).allSatisfy({ $0 >= 0 }) else {
                throw Failure(description: "no counter: \(name)")
            }
        }
        for (name, type) in types where type == "histogram" {
            for count in samples.filter({ $0.name == "\(name)_count" }) {
                let buckets = samples.filter { sample in
                    var labels = sample.labels
                    let bound = labels.removeValue(forKey: "le")
                    return sample.name == "\(name)_bucket" && bound != nil && labels == count.labels
                }
                let bounds = buckets.map { Double($0.labels["le"] == "+Inf" ? "inf" : $0.labels["le"] ?? "") ?? .nan }
                guard bounds.count > 1, bounds.last == .infinity,
                    zip(bounds, bounds.dropFirst()).allSatisfy({ $0 < $1 }),
                    zip(buckets, buckets.dropFirst()).allSatisfy({ $0.value <= $1.value }),
                    buckets.last?.value == count.value,
                    samples.contains(where: { $0.name == "\(name)_sum" && $0.labels == count.labels })
                else { throw Failure(description: "no histogram: \(name) \(count.labels)") }
            }
        }
    }

    private static func sample(_ line: String) throws -> Sample {
        var rest = Substring(line)
        let isName = { (character: Character) in
            character.isASCII && (character.isLetter || character.isNumber || character == "_")
        }
        let name = String(rest.prefix(while: isName))
        rest = rest.dropFirst(name.count)
        guard let first = name.first, !first.isNumber else { throw Failure(description: "no name: \(line)") }
        var labels: [String: String] = [:]
        if rest.first == "{" {
            repeat {
                rest = rest.dropFirst()
                let label = String(rest.prefix(while: isName))
                rest = rest.dropFirst(label.count)
                guard !label.isEmpty, rest.hasPrefix("=\"") else { throw Failure(description: "no label: \(line)") }
                rest = rest.dropFirst(2)
                let value = try labelValue(&rest, line)
                guard labels.updateValue(value, forKey: label) == nil else {
                    throw Failure(description: "a label twice: \(line)")
                }
            } while rest.first == ","
            guard rest.first == "}" else { throw Failure(description: "labels without an end: \(line)") }
            rest = rest.dropFirst()
        }
        let number = rest.dropFirst()
        let special = ["+Inf": Double.infinity, "-Inf": -.infinity, "NaN": .nan]
        guard rest.first == " ", let value = special[String(number)] ?? Double(number) else {
            throw Failure(description: "no value: \(line)")
        }
        return Sample(name: name, labels: labels, value: value)
    }

    /// Reads up to the closing quote and past it.
    private static func labelValue(_ rest: inout Substring, _ line: String) throws -> String {
        var scalars = rest.unicodeScalars
        var value = ""
        while let scalar = scalars.popFirst() {
            switch scalar {
            case "\"":
                rest = Substring(scalars)
                return value
            case "\\":
                switch scalars.popFirst() {
                case "n": value += "\n"
                case "\\": value += "\\"
                case "\"": value += "\""
                default: throw Failure(description: "no escape: \(line)")
                }
            default: value.unicodeScalars.append(scalar)
            }
        }
        throw Failure(description: "a value without an end: \(line)")
    }
}
