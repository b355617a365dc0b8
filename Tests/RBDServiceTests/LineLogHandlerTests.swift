// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

import Foundation
import Logging
import Testing

@testable import RBDService

struct LineLogHandlerTests {
    private let recorder = LogRecorder()

    /// The only line that was written, as an object.
    private func object() throws -> [String: Any] {
        #expect(recorder.lines.count == 1)
        let line = try #require(recorder.lines.first)
        #expect(line.utf8.last == UInt8(ascii: "\n"))
        #expect(line.utf8.count { $0 == UInt8(ascii: "\n") } == 1)
        let parsed = try JSONSerialization.jsonObject(with: Data(line.utf8))
        return try #require(parsed as? [String: Any])
    }

    @Test func aLineIsOneObject() throws {
        var logger = recorder.logger()
        logger[metadataKey: "request.id"] = "abc"
        logger.warning(
            "hello",
            metadata: ["http.status": .stringConvertible(503), "duration.ms": .stringConvertible(1.25)]
        )
        let line = try #require(recorder.lines.first)
        let pattern =
            #/\{"time":"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z","level":"warning","logger":"test","message":"hello",.*\}\n/#
        #expect(line.wholeMatch(of: pattern) != nil, "\(line)")
        #expect(line.hasSuffix(#","duration.ms":1.25,"http.status":503,"request.id":"abc"}"# + "\n"), "\(line)")
        #expect(try object().count == 7)
    }

    @Test(arguments: [
        "a\n{\"level\":\"error\"}", "\"}\n{\"", "a\r\nb", "\\", "\\\"", "\u{0}\u{1b}[31m\u{7f}", "\u{85}\u{9b}2J",
        "\u{2028}\u{2029}\u{202e}", "vol-ü 🙂", "\u{e0001}", "",
    ])
    func nothingForgesALine(text: String) throws {
        recorder.logger().info("\(text)", metadata: ["\(text)x": "\(text)"])
        let object = try object()
        #expect((object["message"] as? String)?.utf8.elementsEqual(text.utf8) == true)
        #expect((object["\(text)x"] as? String)?.utf8.elementsEqual(text.utf8) == true)
        let raw = try #require(recorder.lines.first).dropLast()
        #expect(raw.unicodeScalars.allSatisfy { $0.value >= 0x20 && !(0x7f...0x9f).contains($0.value) })
        #expect(!raw.unicodeScalars.contains { ["\u{2028}", "\u{202e}", "\u{e0001}"].contains($0) })
    }

    @Test func whatIsNotUTF8IsWrittenAsUTF8() throws {
        recorder.logger().info("x", metadata: ["pool": .string(String(decoding: [0x61, 0xff, 0xfe], as: UTF8.self))])
        #expect(try object()["pool"] as? String == "a\u{fffd}\u{fffd}")
    }

    @Test func kindsOfValues() throws {
        recorder.logger().info(
            "x",
            metadata: [
                "int": .stringConvertible(-7), "int32": .stringConvertible(Int32(33)), "true": .stringConvertible(true),
                "nan": .stringConvertible(Double.nan), "text": "12", "array": ["a\n", .stringConvertible(1)],
                "object": ["b": ["c": "d"]], "time": "mine", "level": "mine",
            ]
        )
        let object = try object()
        #expect(object["int"] as? Int == -7)
        #expect(object["int32"] as? Int == 33)
        #expect(object["true"] as? Bool == true)
        #expect(object["nan"] as? String == "nan")
        #expect(object["text"] as? String == "12")
        #expect((object["array"] as? [Any])?.first as? String == "a\n")
        #expect((object["object"] as? [String: [String: String]]) == ["b": ["c": "d"]])
        #expect(object["level"] as? String == "info")
        #expect(object["metadata.level"] as? String == "mine")
        #expect(object["metadata.time"] as? String == "mine")
    }

    @Test func longValuesAreCut() throws {
        recorder.logger().info("x", metadata: ["pool": .string(String(repeating: "p", count: 100_000))])
        #expect((try object()["pool"] as? String)?.count == LogText.maximumLength + 1)
    }

    @Test func levelsAndOwnMetadataAreKept() throws {
        var logger = recorder.logger(level: .info)
        logger.debug("no")
        logger[metadataKey: "a"] = "logger"
        logger.info("yes", metadata: ["a": "event"])
        #expect(try object()["a"] as? String == "event")
        logger.logLevel = .debug
        logger.debug("now")
        #expect(recorder.lines.count == 2)
    }

    @Test func textIsForPeople() throws {
        recorder.logger(format: .text).error(
            "it\nfailed",
            metadata: ["pool": "rbd", "image": "a b\n2026 error forged", "x": "", "n": .stringConvertible(5)]
        )
        let line = try #require(recorder.lines.first)
        let end = #" error it\nfailed image="a b\n2026 error forged" n=5 pool=rbd x="""# + "\n"
        #expect(line.hasSuffix(end), "\(line)")
        #expect(line.utf8.count { $0 == UInt8(ascii: "\n") } == 1)
    }

    @Test(arguments: [
        (0, "1970-01-01T00:00:00.000Z"), (1_709_164_799.25, "2024-02-28T23:59:59.250Z"),
        (1_709_251_199.5, "2024-02-29T23:59:59.500Z"),
    ])
    func timesAreUTC(seconds: Double, text: String) {
        #expect(LogText.time(Date(timeIntervalSince1970: seconds)) == text)
    }
}
