// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

import Testing

@testable import Kubernetes

@Suite struct JSONTests {
    @Test(arguments: [
        #"{"z":1,"a":[true,false,null],"m":{"k":"v"}}"#,
        #"{"big":123456789012345678901234567890,"exact":0.10,"exp":1.50e-3,"neg":-0,"max":18446744073709551615}"#,
        #"["","ä","\u0001\n","\"\\",{}]"#,
        "[]", "{}", "1", #""text""#, "null",
    ])
    func aValueIsWrittenAsItWasRead(text: String) throws {
        #expect(try JSONValue(parsing: text).text == text)
    }

    @Test func escapesBecomeCharacters() throws {
        let value = try JSONValue(parsing: #" [ "\u00e4\/\b\f\r\t" , "\ud83d\ude00", "\ud83d", "\ud83dA" ] "#)
        #expect(value.array?.map(\.string) == ["ä/\u{8}\u{C}\r\t", "😀", "\u{FFFD}", "\u{FFFD}A"])
    }

    @Test(arguments: [
        "", " ", "{", "[1,]", "{\"a\"}", "{\"a\":1,}", "01", "1.", "-", "1e", "+1", "nul", "tru", "\"a", "\"\\x\"",
        "\"\\u12\"", "[1] 2", "\"\n\"", "{a:1}", "NaN",
    ])
    func whatIsNotJSONIsRefused(text: String) {
        #expect(throws: JSONError.self) { try JSONValue(parsing: text) }
    }

    @Test func bytesThatAreNotUTF8AreRefused() {
        #expect(throws: JSONError.self) { try JSONValue(parsing: [0x22, 0xFF, 0x22]) }
    }

    @Test func deepValuesAreRefused() {
        let text = String(repeating: "[", count: 10_000)
        #expect(throws: JSONError.self) { try JSONValue(parsing: text) }
    }

    @Test func objectsAreEqualInAnyOrder() throws {
        #expect(try JSONValue(parsing: #"{"a":1,"b":2}"#) == JSONValue(parsing: #"{"b":2,"a":1}"#))
        #expect(try JSONValue(parsing: #"{"a":1}"#) != JSONValue(parsing: #"{"a":1,"b":2}"#))
    }

    @Test func theLastOfRepeatedMembersCounts() throws {
        let object = try #require(try JSONValue(parsing: #"{"a":1,"a":2}"#).object)
        #expect(object[int: "a"] == 2)
    }

    @Test func emptyObjectsAreNotAdded() {
        var object = JSONObject()
        object[object: "metadata"] = JSONObject()
        object[map: "labels"] = [:]
        object[strings: "finalizers"] = []
        #expect(object.isEmpty)
    }
}
