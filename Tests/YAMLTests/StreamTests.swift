// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

import Testing
import YAML

/// How `YAMLNode.parseAll` differs from `parse`. The expected results for merge keys and JSON are those of kubectl
/// 1.32.
@Suite struct StreamTests {
    private func last(_ text: String) throws -> YAMLNode {
        try #require(try YAMLNode.parseAll(text).last?.entries?.last?.value)
    }

    // MARK: Merge keys

    @Test(
        arguments: [
            ("{<<: *x, own: 1}", ["own": "1", "a": "X", "b": "X"]),
            ("{own: 1, <<: *x}", ["own": "1", "a": "X", "b": "X"]),
            ("{<<: *x, a: own}", ["a": "own", "b": "X"]),
            ("{<<: [*x, *y]}", ["a": "X", "b": "X", "d": "Y"]),
            ("{<<: [*y, *x], d: own}", ["d": "own", "a": "Y", "b": "X"]),
            ("{!!merge <<: *x}", ["a": "X", "b": "X"]),
            ("{<<: {<<: *x, a: 1}, c: 2}", ["c": "2", "a": "1", "b": "X"]),
            ("{<<: {}, c: 2}", ["c": "2"]), ("{<<: []}", [:]),
            ("{\"<<\": *y}", ["<<": ["a": "Y", "d": "Y"]]), ("{!!str <<: *y}", ["<<": ["a": "Y", "d": "Y"]]),
        ] as [(String, Tree)]
    )
    func mergeKeysTakeInOtherMappings(text: String, expected: Tree) throws {
        let node = try last("x: &x {a: X, b: X}\ny: &y {a: Y, d: Y}\nmerged: \(text)")
        #expect(Tree(node) == expected)
        #expect(node.entries?.allSatisfy { $0.value.objection == nil } == true)
    }

    @Test func aMergedEntryKeepsItsPlace() throws {
        let node = try last("x: &x\n  a: 1\ny:\n  <<: *x\n")
        #expect(node.entries?.first?.line == 2)
    }

    /// kubectl uses the last value, which is the merged one. By the specification, it would be the other one.
    @Test func aKeyAboveTheMergeKeyIsInDoubt() throws {
        let node = try last("x: &x {a: X, b: X}\ny:\n  a: own\n  <<: *x\n  b: own\n")
        #expect(Tree(node) == ["a": "own", "b": "own"])
        #expect(node["a"]?.objection?.contains("the key \"a\" comes again with the <<") == true)
        #expect(node["b"]?.objection == nil)
    }

    @Test(arguments: ["<<: 5", "<<: ~", "<<: [{a: 1}, 5]", "<<: [[{a: 1}]]"])
    func onlyMappingsCanBeMerged(text: String) {
        let error = #expect(throws: YAMLError.self) { try YAMLNode.parseAll("a: 1\n\(text)") }
        #expect(error?.line == 2)
        #expect(error?.reason.contains("<< takes a mapping") == true)
    }

    @Test func aMappingCanNotMergeItself() {
        #expect(throws: YAMLError.self) { try YAMLNode.parseAll("a: &a {<<: *a}") }
        #expect(throws: YAMLError.self) { try YAMLNode.parseAll("a: {<<: 1, <<: 2}") }
    }

    @Test(.timeLimit(.minutes(1))) func mergesAreBounded() throws {
        func chain(_ length: Int) -> String {
            "a0: &a0 {k0: x}\n"
                + (1..<length).map { "a\($0): &a\($0) {k\($0): x, <<: *a\($0 - 1)}" }.joined(separator: "\n")
        }
        #expect(try last(chain(50)).entries?.count == 50)
        let error = #expect(throws: YAMLError.self) { try YAMLNode.parseAll(chain(2000)) }
        #expect(error?.reason.contains("levels deep") == true || error?.reason.contains("aliases add up") == true)
        var wide = "a: &a {\((0..<1000).map { "k\($0): x" }.joined(separator: ", "))}\n"
        wide += (0..<100).map { "b\($0): {<<: *a}" }.joined(separator: "\n")
        #expect(throws: YAMLError.self) { try YAMLNode.parseAll(wide) }
    }

    // MARK: Tags

    @Test func aTagIsInDoubtAndNoMore() throws {
        let text = "a: !!binary eA==\nb: !own {c: 1}\nd: !!str 5\n? !!binary eA==\n: 1\n"
        let node = try #require(try YAMLNode.parseAll(text).first)
        #expect(Tree(node) == ["a": "eA==", "b": ["c": "1"], "d": .quoted("5"), "eA==": "1"])
        let objections = node.entries?.map(\.value.objection)
        #expect(
            objections == [
                "the tag !!binary is not supported", "the tag !own is not supported", nil,
                "the tag !!binary is not supported",
            ]
        )
    }

    // MARK: JSON

    @Test(
        arguments: [
            (#"{"a":1}{"b":[]} {"c":{}}"# + "\n\r\n\t" + #"{"d" : null , "e":"x"}"#, 4),
            ("\u{FEFF} {}\n", 1), (#"{"a":[true,false,-1.5e+3,0]}"#, 1),
        ]
    )
    func jsonObjectsFollowEachOther(text: String, count: Int) throws {
        #expect(try YAMLNode.parseAll(text).count == count)
    }

    @Test func jsonKeepsItsOrderAndItsPlaces() throws {
        let documents = try YAMLNode.parseAll("{\"b\": \"1\", \"a\": 2}\n{\"é\": [\n  null,\n  {\"x\": true}]}")
        #expect(documents.map(Tree.init) == [["b": .quoted("1"), "a": "2"], ["é": ["null", ["x": "true"]]]])
        #expect(documents.last?.line == 2 && documents.last?.column == 1)
        #expect(documents.last?["é"]?.column == 7)
        let inner = try #require(documents.last?["é"]?.items?.last)
        #expect(inner.line == 4 && inner.column == 3)
    }

    @Test(
        arguments: [
            (#"\ud83d\ude00"#, "😀"), (#"\uD83D\uDE00!"#, "😀!"), (#"\ud83d"#, "\u{FFFD}"), (#"\ud83dx"#, "\u{FFFD}x"),
            (#"\ud83d\u0041"#, "\u{FFFD}A"), (#"\ude00\ud83d"#, "\u{FFFD}\u{FFFD}"), (#"\ud83d\n"#, "\u{FFFD}\n"),
            (#"\"\\\/\b\f\n\r\t\u00e9"#, "\"\\/\u{8}\u{C}\n\r\té"), ("\u{7F}\u{85}\u{2028}", "\u{7F}\u{85}\u{2028}"),
        ]
    )
    func jsonTextsAreAsKubectlReadsThem(json: String, text: String) throws {
        #expect(try YAMLNode.parseAll("{\"a\":\"\(json)\"}").first?["a"]?.text == text)
    }

    @Test func whatOnlyLooksLikeJSONIsYAML() throws {
        #expect(try YAMLNode.parseAll("{a: b}").map(Tree.init) == [["a": "b"]])
        #expect(try YAMLNode.parseAll("{\"a\": 'b', }").map(Tree.init) == [["a": .quoted("b")]])
        #expect(try YAMLNode.parseAll("{\"a\": 1}\n---\nb: 2\n").map(Tree.init) == [["a": "1"], ["b": "2"]])
        #expect(try YAMLNode.parseAll("{\"a\": 1} # one\n").count == 1)
    }

    @Test(
        arguments: [
            ("{\"a\":1}\n{\"b\":1,\n\"b\":2}", 3, "the key \"b\" comes twice, first on line 2"),
            ("{\"a\":1}\n{\"b\":\"\\x\"}", 2, "hexdecimal"), ("{\"a\":1}\n{\"b\":[1}", 2, "document"),
            ("{\"a\":1}\n{\"b\": @}", 2, ""), ("{\"a\":1}\n{\"b\":1", 2, "document"), ("{\"a\":1}\n[]", 2, "document"),
            ("{\"a\":1,\n\"a\":2}", 2, "the key \"a\" comes twice"), ("{", 2, "flow"),
        ]
    )
    func brokenJSONIsRefusedWithItsPlace(text: String, line: Int, reason: String) {
        let error = #expect(throws: YAMLError.self) { try YAMLNode.parseAll(text) }
        #expect(error?.line == line, "\(String(describing: error))")
        #expect(reason.isEmpty || error?.reason.contains(reason) == true, "\(String(describing: error))")
    }

    @Test func theDepthOfJSONIsBounded() throws {
        func nested(_ levels: Int) -> String {
            String(repeating: "{\"a\":", count: levels) + "1" + String(repeating: "}", count: levels)
        }
        _ = try YAMLNode.parseAll(nested(YAMLNode.maximumDepth - 1))
        #expect(throws: YAMLError.self) { try YAMLNode.parseAll(nested(YAMLNode.maximumDepth)) }
        #expect(throws: YAMLError.self) { try YAMLNode.parseAll(nested(100_000)) }
    }
}
