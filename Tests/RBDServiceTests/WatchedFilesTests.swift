// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

import Foundation
import Testing

@testable import RBDService

struct WatchedFilesTests {
    @Test func whatCanNotBeUsedIsToldOnceForEachChange() throws {
        let path = FileManager.default.temporaryDirectory.appendingPathComponent("\(UUID())").path
        defer { try? FileManager.default.removeItem(atPath: path) }
        func write(_ text: String) throws {
            try Data(text.utf8).write(to: URL(fileURLWithPath: path), options: .atomic)
        }
        try write("1")
        let log = LogRecorder()
        let watched = try WatchedFiles([path], as: "the number", logger: log.logger()) {
            () throws(ConfigurationError) in
            guard let text = try? String(contentsOfFile: path, encoding: .utf8), let number = Int(text) else {
                throw ConfigurationError("no number")
            }
            return number
        }
        var now = ContinuousClock.now
        func look() -> Int {
            now += .seconds(2)
            return watched.current(now: now)
        }
        #expect(look() == 1)
        #expect(log.lines.isEmpty)
        try write("two")
        // Not more often than once a second.
        #expect(watched.current(now: now + .milliseconds(500)) == 1)
        #expect(log.lines.isEmpty)
        for _ in 0..<5 { #expect(look() == 1) }
        #expect(log.lines.count == 1)
        #expect(log.lines.last?.contains("the number can't be used as it is now") == true)
        try write("three")
        for _ in 0..<5 { #expect(look() == 1) }
        #expect(log.lines.count == 2)
        try FileManager.default.removeItem(atPath: path)
        for _ in 0..<5 { #expect(look() == 1) }
        #expect(log.lines.count == 3)
        try write("4")
        for _ in 0..<5 { #expect(look() == 4) }
        #expect(log.lines.count == 4)
        #expect(log.lines.last?.contains("the number was read again") == true)
    }

    @Test func whatCanNotBeUsedAtTheStartIsThrown() {
        #expect(throws: ConfigurationError.self) {
            _ = try WatchedFiles(["/nowhere"], as: "x", logger: LogRecorder().logger()) {
                () throws(ConfigurationError) -> Int in throw ConfigurationError("no")
            }
        }
    }
}
