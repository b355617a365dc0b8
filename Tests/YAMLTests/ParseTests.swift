// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

import Testing
import YAML

/// The tree without the positions of its nodes, for comparison.
indirect enum Tree: Equatable, Sendable, ExpressibleByStringLiteral, ExpressibleByArrayLiteral,
    ExpressibleByDictionaryLiteral
{
    case plain(String)
    case quoted(String)
    case list([Tree])
    case map([Pair])

    struct Pair: Equatable, Sendable {
        var key: String
        var value: Tree
    }

    init(stringLiteral value: String) { self = .plain(value) }
    init(arrayLiteral elements: Tree...) { self = .list(elements) }
    init(dictionaryLiteral elements: (String, Tree)...) {
        self = .map(elements.map { Pair(key: $0.0, value: $0.1) })
    }

    init(_ node: YAMLNode) {
        switch node.content {
        case .scalar(let text, isPlain: true): self = .plain(text)
        case .scalar(let text, isPlain: false): self = .quoted(text)
        case .sequence(let items): self = .list(items.map(Tree.init))
        case .mapping(let entries): self = .map(entries.map { Pair(key: $0.key, value: Tree($0.value)) })
        }
    }
}

@Suite struct ParseTests {
    @Test func blockStyleKeepsTheOrderAndTheQuotes() throws {
        let text = """
            # a comment
            zone: b
            port: 8080
            name: "8080"
            hosts:
              - one
              - 'two'
            empty:
            """
        let expected: Tree = [
            "zone": "b", "port": "8080", "name": .quoted("8080"), "hosts": ["one", .quoted("two")], "empty": "",
        ]
        #expect(try Tree(YAMLNode.parse(text)) == expected)
    }

    @Test func severalDocumentsAreReadOneByOne() throws {
        let text = "a: &x 1\n---\n- 2\n...\n---\n---\n{b: 3}\n"
        #expect(try YAMLNode.parseAll(text).map(Tree.init) == [["a": "1"], ["2"], "", ["b": "3"]])
        #expect(try YAMLNode.parseAll("").isEmpty)
        #expect(try YAMLNode.parseAll("# nothing\n").isEmpty)
        #expect(try YAMLNode.parseAll("a: 1\n---\nb: 2\n").map(\.line) == [1, 3])
        // An anchor belongs to its own document.
        #expect(throws: YAMLError.self) { try YAMLNode.parseAll("a: &x 1\n---\nb: *x\n") }
        #expect(throws: YAMLError.self) { try YAMLNode.parseAll("a: 1\n---\na: [\n") }
    }

    @Test func jsonIsYAML() throws {
        let text = #"{"a":1,"b":[true,null,"x\n\"\/\u00e9"],"c":{},"d":-1.5e3,\#t"e":[]}"#
        let expected: Tree = [
            "a": "1", "b": ["true", "null", .quoted("x\n\"/é")], "c": [:], "d": "-1.5e3", "e": [],
        ]
        #expect(try Tree(YAMLNode.parse(text)) == expected)
    }

    /// The parser reads the service's own files. There, `<<` is an ordinary key, and so an unknown one.
    @Test func aMergeKeyIsNoneByItself() throws {
        #expect(try Tree(YAMLNode.parse("a: {<<: {b: 1}}")) == ["a": ["<<": ["b": "1"]]])
    }

    @Test func placesAreOneBased() throws {
        let root = try YAMLNode.parse("a: 1\nb:\n  - x\n  - é: y\n")
        #expect(root.line == 1 && root.column == 1)
        #expect(root.entries?.map(\.line) == [1, 2])
        let second = try #require(root["b"]?.items?.last)
        #expect(second.line == 4 && second.column == 5)
        #expect(second["é"]?.column == 8)
    }

    @Test(arguments: ["", "   \n", "# only a comment\n", "---\n", "~", "null"])
    func nothingIsNull(text: String) throws {
        #expect(try YAMLNode.parse(text).isNull)
    }

    @Test(arguments: [#""null""#, "'~'", "''", "x", "[]"])
    func whatIsNotNull(text: String) throws {
        #expect(try !YAMLNode.parse(text).isNull)
    }

    @Test func aByteOrderMarkIsSkipped() throws {
        #expect(try Tree(YAMLNode.parse("\u{FEFF}a: 1")) == ["a": "1"])
        #expect(try Tree(YAMLNode.parse("\u{FEFF}a: 1\r\nb: 2\r\n")) == ["a": "1", "b": "2"])
        #expect(try YAMLNode.parseAll("\u{FEFF}---\na: 1\n---\nb: 2\n").map(Tree.init) == [["a": "1"], ["b": "2"]])
        #expect(try YAMLNode.parse("\u{FEFF}").isNull)
    }

    @Test func zeroBytesAreKept() throws {
        #expect(try YAMLNode.parse(#"a: "x\0y""#)["a"]?.text == "x\0y")
    }

    @Test func aliasesStandForTheirAnchors() throws {
        let expected: Tree = ["base": ["x": "1"], "copy": ["x": "1"], "list": ["2", "2"]]
        #expect(try Tree(YAMLNode.parse("base: &b {x: 1}\ncopy: *b\nlist: [&t 2, *t]")) == expected)
    }

    @Test func aStringTagMakesAText() throws {
        #expect(try Tree(YAMLNode.parse("a: !!str 10")) == ["a": .quoted("10")])
    }

    struct Refusal: Sendable, CustomTestStringConvertible {
        var text: String
        var line: Int
        var reason: String
        var testDescription: String { reason }
    }

    @Test(arguments: [
        Refusal(text: "a: 1\nb: 2\na: 3", line: 3, reason: "the key \"a\" comes twice, first on line 1"),
        Refusal(text: "{\"a\":1,\n\"a\":2}", line: 2, reason: "the key \"a\" comes twice, first on line 1"),
        Refusal(text: "a: 1\n\"a\": 2", line: 2, reason: "the key \"a\" comes twice"),
        Refusal(text: "a: 1\n? [x, y]\n: 2", line: 2, reason: "a key must be a scalar"),
        Refusal(text: "a: 1\n---\nb: 2", line: 2, reason: "a second document starts here"),
        Refusal(text: "\na: *nowhere", line: 2, reason: "the alias *nowhere"),
        Refusal(text: "a: &x [*x]", line: 1, reason: "the alias *x comes before the end of its anchor"),
        Refusal(text: "a: !!binary eA==", line: 1, reason: "the tag !!binary is not supported"),
        Refusal(text: "a: !own x", line: 1, reason: "the tag !own is not supported"),
        Refusal(text: "a: [1, 2\n", line: 2, reason: "did not find expected ',' or ']' while parsing a flow sequence"),
        Refusal(text: "a:\n\tb: 2", line: 2, reason: "found character that cannot start any token"),
        Refusal(text: "a: 1\n b: 2", line: 2, reason: "mapping values are not allowed in this context"),
        Refusal(text: "a: 1\nb: \u{7}", line: 2, reason: "control characters are not allowed (U+7)"),
        Refusal(text: #"a: "\ud83d\ude00""#, line: 1, reason: "invalid Unicode character escape code"),
        Refusal(text: "a: \"x\nb: 1", line: 2, reason: "unexpected end of stream"),
    ])
    func refusesAndSaysWhere(_ refusal: Refusal) {
        let error = #expect(throws: YAMLError.self) { _ = try YAMLNode.parse(refusal.text) }
        #expect(error?.line == refusal.line, "\(String(describing: error))")
        #expect(error?.reason.contains(refusal.reason) == true, "\(String(describing: error))")
        #expect(error?.description.hasPrefix("line \(refusal.line), column ") == true)
    }

    @Test func theColumnIsThatOfTheMistake() {
        let error = #expect(throws: YAMLError.self) { _ = try YAMLNode.parse("ok: 1\né: é\u{1B}") }
        #expect(error?.line == 2 && error?.column == 5)
    }

    @Test func depthIsBounded() throws {
        func nested(_ levels: Int) -> String {
            String(repeating: "[", count: levels) + String(repeating: "]", count: levels)
        }
        _ = try YAMLNode.parse(nested(YAMLNode.maximumDepth))
        #expect(throws: YAMLError.self) { _ = try YAMLNode.parse(nested(YAMLNode.maximumDepth + 1)) }
        #expect(throws: YAMLError.self) { _ = try YAMLNode.parse(nested(1_000_000)) }
    }

    @Test func depthCountsWhatAliasesStandFor() throws {
        // Each line is one level deeper than the one it refers to.
        func chain(_ lines: Int) -> String {
            (0..<lines).map { $0 == 0 ? "a0: &a0 x" : "a\($0): &a\($0) [*a\($0 - 1)]" }.joined(separator: "\n")
        }
        _ = try YAMLNode.parse(chain(YAMLNode.maximumDepth - 1))
        let error = #expect(throws: YAMLError.self) { _ = try YAMLNode.parse(chain(YAMLNode.maximumDepth + 1)) }
        #expect(error?.reason.contains("levels deep") == true)
    }

    @Test(.timeLimit(.minutes(1))) func billionLaughsAreRefused() {
        var text = "a0: &a0 [x,x,x,x,x,x,x,x,x,x]\n"
        for level in 1..<20 {
            let aliases = Array(repeating: "*a\(level - 1)", count: 10).joined(separator: ",")
            text += "a\(level): &a\(level) [\(aliases)]\n"
        }
        let error = #expect(throws: YAMLError.self) { _ = try YAMLNode.parse(text) }
        #expect(error?.reason.contains("the aliases add up") == true)
    }

    @Test func aLargeDocumentIsNotTakenForAnAttack() throws {
        let text = (0..<150_000).map { "- \($0)" }.joined(separator: "\n")
        #expect(try YAMLNode.parse(text).items?.count == 150_000)
    }
}
