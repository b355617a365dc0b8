// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

import FoundationEssentials
import Testing

@testable import RBDService

/// The check finds every flaw that JSONDecoder accepts, and nothing else.
struct JSONFlawTests {
    @Test(
        arguments: [
            (#"{"name":"a","size":1,"size":2}"#, "size"),
            (#"{"name":"a","qos":{"iopsLimit":1,"bpsLimit":2,"iopsLimit":3}}"#, "qos.iopsLimit"),
            // An escape does not make another name.
            (#"{"name":"a","n\u0061me":"b"}"#, "name"),
            (#"{"a":[{"b":1},{"b":1,"b":2}]}"#, "a.b"),
            (#"{"":1,"":2}"#, ""),
            // Nor does another encoding of a letter, because Swift compares them as equal.
            ("{\"ä\":1,\"a\u{308}\":2}", "a\u{308}"),
        ]
    )
    func aNameThatIsThereTwice(text: String, field: String) {
        #expect(JSONFlaw(in: Array(text.utf8)) == .repeatedName(field))
    }

    @Test(
        arguments: [
            (#"{"name":"a",}"#, "name"), ("{\"name\":\"a\" ,\n }", "name"),
            (#"{"features":["layering",]}"#, "features"),
            (#"{"qos":{"iopsLimit":1,},"name":"a"}"#, "qos.iopsLimit"), ("[1,]", ""),
        ]
    )
    func aCommaWithNothingAfterIt(text: String, field: String) {
        #expect(JSONFlaw(in: Array(text.utf8)) == .trailingComma(field))
    }

    @Test(
        arguments: [
            "{}", "[]", "null", "1", #""a""#, #"{"a":{"a":{"a":[]}},"b":[{"a":1},{"a":1}]}"#,
            #"{"a":",}","b":"\",]","c":"\\","d":{"c":"}"}}"#, #"{"a":["b","b",{"b":"b"}]}"#,
        ]
    )
    func whatIsNoFlaw(text: String) throws {
        #expect(JSONFlaw(in: Array(text.utf8)) == nil)
    }

    @Test func anotherEncodingThanUTF8() throws {
        let text = #"{"name":"∢a"}"#
        #expect(JSONFlaw(in: try #require(text.data(using: .utf16LittleEndian))) == .otherEncoding)
    }

    /// The check is only used for valid JSON, but must return for any bytes.
    @Test func whateverIsCutOffIsReadWithoutHarm() {
        let bytes = Array(#"{"a\"":["\\",{"b":"c,}"}],"d":1,]}"#.utf8)
        for start in bytes.indices {
            for end in start...bytes.endIndex { _ = JSONFlaw(in: bytes[start..<end]) }
        }
    }
}
