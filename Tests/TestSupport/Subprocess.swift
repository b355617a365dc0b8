// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

import Foundation

/// A program run by a test, with all that it wrote.
public struct Subprocess: Sendable {
    public var status: Int32
    public var standardOutput: String
    public var standardError: String

    /// Runs a program to its end.
    /// - Parameter environment: replaces the test's own; nil keeps it.
    public static func run(
        _ path: String,
        _ arguments: [String],
        environment: [String: String]? = nil
    ) async throws -> Subprocess {
        let running = try RunningProcess(path, arguments, environment: environment)
        return await running.finish()
    }

    /// A program of this package, built beside the tests.
    public static func built(_ name: String) -> String {
        let tests = Bundle.allBundles.map(\.bundleURL).first { $0.pathExtension == "xctest" }
        let folder =
            tests?.deletingLastPathComponent()
            ?? URL(fileURLWithPath: CommandLine.arguments[0]).deletingLastPathComponent()
        return folder.appendingPathComponent(name).path
    }
}

/// A program that runs while the test goes on.
public final class RunningProcess: Sendable {
    private let end: Task<Int32, Never>
    private let input: FileHandle?
    private let output: OutputFile
    private let error: OutputFile
    public let processIdentifier: Int32

    /// - Parameter holdsInput: the program's standard input stays open until ``endInput()``; else it is at its end.
    public init(
        _ path: String,
        _ arguments: [String],
        environment: [String: String]? = nil,
        holdsInput: Bool = false
    ) throws {
        let process = Process()
        process.executableURL = URL(fileURLWithPath: path)
        process.arguments = arguments
        if let environment { process.environment = environment }
        let pipe = holdsInput ? Pipe() : nil
        input = pipe?.fileHandleForWriting
        process.standardInput = pipe ?? FileHandle.nullDevice
        output = try OutputFile()
        error = try OutputFile()
        let handles = [try output.handleForWriting(), try error.handleForWriting()]
        (process.standardOutput, process.standardError) = (handles[0], handles[1])
        // They are the program's from now on. Foundation would keep them, and does not start programs any more where
        // there are many.
        defer { for handle in handles { try? handle.close() } }
        // Not waitUntilExit, which would block one of Swift's few threads in a run loop.
        let (ends, continuation) = AsyncStream.makeStream(of: Int32.self)
        process.terminationHandler = { process in
            continuation.yield(process.terminationStatus)
            continuation.finish()
        }
        end = Task { await ends.first { _ in true } ?? -1 }
        try process.run()
        processIdentifier = process.processIdentifier
    }

    /// Ends the standard input that was held.
    public func endInput() throws {
        try input?.close()
    }

    public func signal(_ signal: Int32) {
        kill(processIdentifier, signal)
    }

    /// Waits for a line of standard output that contains a text.
    public func waitForOutput(containing text: String, within seconds: Double = 60) async throws -> String {
        let end = ContinuousClock.now + .seconds(seconds)
        while ContinuousClock.now < end {
            if let line = output.text.split(separator: "\n").first(where: { $0.contains(text) }) { return String(line) }
            try await Task.sleep(for: .milliseconds(20))
        }
        throw TestCluster.Failure(description: "no \"\(text)\" in: \(output.text) \(error.text)")
    }

    /// Waits for the end.
    public func finish() async -> Subprocess {
        let status = await end.value
        return Subprocess(status: status, standardOutput: output.text, standardError: error.text)
    }
}

/// What a program writes goes to a file, which has room for all of it: a pipe would want a reader at all times, and
/// those of Foundation (readabilityHandler) bring libdispatch down when many of them come and go.
private final class OutputFile: Sendable {
    private let path = FileManager.default.temporaryDirectory.appendingPathComponent("\(UUID()).output").path

    init() throws {
        try Data().write(to: URL(fileURLWithPath: path))
    }

    deinit {
        try? FileManager.default.removeItem(atPath: path)
    }

    func handleForWriting() throws -> FileHandle {
        try FileHandle(forWritingTo: URL(fileURLWithPath: path))
    }

    var text: String {
        String(decoding: FileManager.default.contents(atPath: path) ?? Data(), as: UTF8.self)
    }
}
