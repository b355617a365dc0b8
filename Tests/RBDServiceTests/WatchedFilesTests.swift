// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

import Dispatch
import Foundation
import Synchronization
import Testing

@testable import RBDService

@Suite(.timeLimit(.minutes(5)))
struct WatchedFilesTests {
    private final class Shared<Value: Sendable>: Sendable {
        private let value: Mutex<Value>

        init(_ value: Value) { self.value = Mutex(value) }

        var current: Value { value.withLock { $0 } }

        func change(_ body: (inout Value) -> Void) -> Value {
            value.withLock { value in
                body(&value)
                return value
            }
        }
    }

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
        // The file is read at most once a second.
        #expect(watched.current(now: now + .milliseconds(500)) == 1)
        #expect(log.lines.isEmpty)
        for _ in 0..<5 { #expect(look() == 1) }
        #expect(log.lines.count == 1)
        #expect(log.lines.last?.contains("the number can't be used; the previous content stays in use") == true)
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

    /// Callers wait for a read that is running, without blocking a thread.
    @Test func aChangeIsReadOnceForAllWhoWaitForIt() async throws {
        let path = FileManager.default.temporaryDirectory.appendingPathComponent("\(UUID())").path
        defer { try? FileManager.default.removeItem(atPath: path) }
        try Data("1".utf8).write(to: URL(fileURLWithPath: path))
        let reads = Shared(0)
        let gate = DispatchSemaphore(value: 0)
        let watched = try WatchedFiles([path], as: "the number", logger: LogRecorder().logger()) {
            () throws(ConfigurationError) in
            if reads.change({ $0 += 1 }) > 1 { gate.wait() }
            return (try? String(contentsOfFile: path, encoding: .utf8)).flatMap(Int.init) ?? 0
        }
        try Data("22".utf8).write(to: URL(fileURLWithPath: path))
        let later = ContinuousClock.now + .seconds(2)
        let seen = Shared([Int]())
        await withTaskGroup(of: Void.self) { group in
            for _ in 0..<20 {
                group.addTask {
                    await watched.refresh(now: later)
                    _ = seen.change { $0.append(watched.current(now: later)) }
                }
            }
            // All callers wait, but this task continues.
            while reads.current < 2 { try? await Task.sleep(for: .milliseconds(1)) }
            #expect(seen.current.isEmpty)
            gate.signal()
        }
        #expect(seen.current == Array(repeating: 22, count: 20))
        #expect(reads.current == 2)
    }

    @Test func whatCanNotBeUsedAtTheStartIsThrown() {
        #expect(throws: ConfigurationError.self) {
            _ = try WatchedFiles(["/nowhere"], as: "x", logger: LogRecorder().logger()) {
                () throws(ConfigurationError) -> Int in throw ConfigurationError("no")
            }
        }
    }
}
