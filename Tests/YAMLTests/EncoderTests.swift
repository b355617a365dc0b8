// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

import Testing
import YAML

private struct Sample: Encodable {
    struct Part: Encodable {
        var zulu = 1
        var alpha: String? = "x"
        var gone: String?
    }

    var name = "vol-1"
    var none: Int?
    var size = UInt64.max
    var low = Int64.min
    var flag = true
    var ratio = 0.5
    var parts = [Part(), Part(alpha: nil)]
    var empty: [Int] = []
    var nothing: [String: Int] = [:]

    enum CodingKeys: String, CodingKey {
        case name, none, size, low, flag, ratio, parts, empty, nothing
    }

    func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: CodingKeys.self)
        try container.encode(name, forKey: .name)
        try container.encode(none, forKey: .none)
        try container.encode(size, forKey: .size)
        try container.encode(low, forKey: .low)
        try container.encode(flag, forKey: .flag)
        try container.encode(ratio, forKey: .ratio)
        try container.encode(parts, forKey: .parts)
        try container.encode(empty, forKey: .empty)
        try container.encode(nothing, forKey: .nothing)
    }
}

/// Encodes its parts into one object, like CreateImageRequest.
private struct Merged: Encodable {
    enum CodingKeys: String, CodingKey { case first }

    func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: CodingKeys.self)
        try container.encode(1, forKey: .first)
        try Sample.Part().encode(to: encoder)
    }
}

@Suite struct EncoderTests {
    @Test func yamlIsBlockStyleInTheOrderOfTheType() throws {
        let expected = """
            name: vol-1
            none: null
            size: 18446744073709551615
            low: -9223372036854775808
            flag: true
            ratio: 0.5
            parts:
            - zulu: 1
              alpha: x
            - zulu: 1
            empty: []
            nothing: {}

            """
        #expect(try YAMLEncoder.encode(Sample()) == expected)
    }

    @Test func jsonIsCompactOrPrettyInTheOrderOfTheType() throws {
        let value = try OrderedValue(encoding: Sample())
        #expect(
            try value.json() == #"{"name":"vol-1","none":null,"size":18446744073709551615,"#
                + #""low":-9223372036854775808,"flag":true,"ratio":0.5,"#
                + #""parts":[{"zulu":1,"alpha":"x"},{"zulu":1}],"empty":[],"nothing":{}}"#
        )
        let expected = """
            {
              "zulu": 1,
              "alpha": "x"
            }
            """
        #expect(try OrderedValue(encoding: Sample.Part()).json(pretty: true) == expected)
        #expect(try OrderedValue(encoding: [Int]()).json(pretty: true) == "[]")
    }

    @Test func severalContainersOfOneEncoderShareTheObject() throws {
        #expect(try OrderedValue(encoding: Merged()).json() == #"{"first":1,"zulu":1,"alpha":"x"}"#)
    }

    @Test func jsonEscapesWhatItMust() throws {
        let text = "\"\\/\n\r\t\u{0}\u{1B}\u{7F}\u{9B}\u{2028}é😀"
        #expect(
            try OrderedValue.string(text).json()
                == #""\"\\/\n\r\t\u0000\u001b\u007f\u009b\u2028é😀""#
        )
    }

    @Test(arguments: [Double.nan, .infinity, -.infinity])
    func jsonHasNoSuchNumber(value: Double) {
        #expect(throws: EncodingError.self) { _ = try OrderedValue(encoding: [value]).json() }
    }

    @Test(arguments: [
        (Double.nan, ".nan\n"), (.infinity, ".inf\n"), (-.infinity, "-.inf\n"),
    ])
    func yamlHas(value: Double, text: String) throws {
        #expect(try YAMLEncoder.encode(value).hasPrefix(text))
    }

    /// Texts that a parser of YAML 1.1 or 1.2 would not read as strings.
    static let lookalikes = [
        "", "~", "null", "Null", "NULL", "true", "False", "TRUE", "yes", "NO", "on", "Off", "y", "N", "=", "<<",
        "0", "10", "-1", "+1", "1.5", ".5", "1e3", "0x1F", "0o17", "017", "1_000", "190:20:30", ".inf", "-.INF",
        ".NaN", "2026-01-31", "2026-01-31T10:00:00Z", "10198409e360", "123e45",
    ]

    @Test(arguments: lookalikes)
    func lookalikesAreQuoted(text: String) throws {
        let node = try YAMLNode.parse(YAMLEncoder.encode(["key": text]))
        #expect(node["key"]?.content == .scalar(text, isPlain: false))
        // The same applies to keys: {on: 1} would come back as {true: 1}.
        #expect(try YAMLEncoder.encode([text: 1]).first == "'")
    }

    @Test(arguments: ["rbd/vol-1", "layering", "a b", "nullable", "yes-man", "HEALTH_OK", "é", "rbd"])
    func plainTextsStayPlain(text: String) throws {
        #expect(try YAMLEncoder.encode(["key": text]) == "key: \(text)\n")
    }

    @Test(
        arguments: lookalikes + [
            "a: b", "a #b", "#a", "- a", "-", "?", "? a", "a:", ": a", "{a}", "[a]", "a, b", "&a", "*a", "!a", "|", ">",
            "%a", "@a", "`a`",
            "'", "\"", "\\", "it's", " lead", "trail ", "a\nb", "a\n", "\n", "\r\n", "\t", "a\u{0}b", "\u{1B}[31m",
            "\u{85}", "\u{2028}",
            "\u{FEFF}a", "😀", "é\u{301}", "\u{202E}x", "---", "...", "--- a", "# ",
            String(repeating: "long ", count: 300),
            String(repeating: "x", count: 2000), "a\n\n  b\n c ", "\u{10FFFF}", "\u{FFFE}",
        ]
    )
    func everyTextComesBack(text: String) throws {
        let yaml = try YAMLEncoder.encode(["key": text, "after": "x"])
        let node = try YAMLNode.parse(yaml)
        #expect(node["key"]?.text == text)
        #expect(node["after"]?.text == "x")
        #expect(try YAMLNode.parse(YAMLEncoder.encode([text])).items?.first?.text == text)
        #expect(try YAMLNode.parse(YAMLEncoder.encode(text)).text == text)
        // There are no control characters, which a terminal would interpret.
        #expect(!yaml.unicodeScalars.contains { $0.properties.generalCategory == .control && $0 != "\n" })
        // The same applies to keys, up to the 1024 characters that a YAML parser looks ahead.
        if text.count < 1000 {
            #expect(try YAMLNode.parse(YAMLEncoder.encode([text: "v"]))[text]?.text == "v")
        }
    }

    @Test func deepValuesComeBack() throws {
        var value = OrderedValue.integer(7)
        for level in 0..<40 {
            value =
                level.isMultiple(of: 2)
                ? .array([value, .null]) : .object([.init("k", value), .init("z", .array([]))])
        }
        let node = try YAMLNode.parse(value.yaml())
        #expect(try Tree(node) == Tree(YAMLNode.parse(value.json())))
    }
}
