// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

import Foundation

/// A program that a test has run, with all its output.
public struct Subprocess: Sendable {
    public var status: Int32
    public var standardOutput: String
    public var standardError: String

    /// Runs a program until it ends.
    /// - Parameter environment: replaces the test's own; nil keeps it.
    public static func run(
        _ path: String,
        _ arguments: [String],
        environment: [String: String]? = nil
    ) async throws -> Subprocess {
        let running = try RunningProcess(path, arguments, environment: environment)
        return await running.finish()
    }

    /// The path of a program of this package, built beside the tests.
    public static func built(_ name: String) -> String {
        let tests = Bundle.allBundles.map(\.bundleURL).first { $0.pathExtension == "xctest" }
        let folder =
            tests?.deletingLastPathComponent()
            ?? URL(fileURLWithPath: CommandLine.arguments[0]).deletingLastPathComponent()
        return folder.appendingPathComponent(name).path
    }
}

/// A program that runs while the test continues.
public final class RunningProcess: Sendable {
    private let end: Task<Int32, Never>
    private let ends: AsyncStream<Int32>.Continuation
    private let input: FileHandle?
    private let output: OutputFile
    private let error: OutputFile
    public let processIdentifier: Int32

    /// - Parameter holdsInput: whether the program's standard input stays open until ``endInput()``. Otherwise, it is
    ///   empty.
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
        // The program owns these files from now on. Foundation would keep them open, and with many open files it starts
        // no more programs.
        defer { for handle in handles { try? handle.close() } }
        // This does not use waitUntilExit, which would block one of Swift's few threads in a run loop.
        let (ends, continuation) = AsyncStream.makeStream(of: Int32.self)
        process.terminationHandler = { process in
            continuation.yield(process.terminationStatus)
            continuation.finish()
        }
        self.ends = continuation
        try process.run()
        let identifier = process.processIdentifier
        processIdentifier = identifier
        // Foundation learns of a program's end from a socket that the program has inherited. If something else has
        // inherited it as well, such as a server that the program has started, Foundation waits for that, too.
        let watch = Task.detached {
            while !Task.isCancelled {
                if let status = Self.exitStatus(of: identifier) { continuation.yield(status) }
                try? await Task.sleep(for: .milliseconds(200))
            }
        }
        end = Task {
            defer { watch.cancel() }
            return await ends.first { _ in true } ?? -1
        }
    }

    /// - Returns: nil if the program runs, or if Foundation has already taken its status.
    private static func exitStatus(of process: Int32) -> Int32? {
        guard let child = child(process), !child.runs else { return nil }
        return child.status
    }

    /// What the kernel tells of a child of the tests. As long as it tells something, nobody else has the number.
    /// - Returns: nil if Foundation has already taken its status.
    private static func child(_ process: Int32) -> (runs: Bool, status: Int32)? {
        var information = siginfo_t()
        // WNOWAIT leaves the status to Foundation.
        guard waitid(P_PID, id_t(process), &information, WEXITED | WNOHANG | WNOWAIT) == 0 else { return nil }
        let child = information._sifields._sigchld
        return (child.si_pid != process, child.si_status)
    }

    /// Closes the standard input.
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

    /// Waits until the program ends. If the task is cancelled, because the test has reached its time limit, the program
    /// is killed: a program that hangs must not hang the whole run.
    /// - Returns: the status is -1 if the program was killed because of that.
    public func finish() async -> Subprocess {
        let status = await withTaskCancellationHandler {
            await end.value
        } onCancel: {
            // Another program may have the number of one that has ended.
            guard Self.child(processIdentifier)?.runs == true else { return }
            signal(SIGKILL)
            ends.yield(-1)
        }
        return Subprocess(status: status, standardOutput: output.text, standardError: error.text)
    }
}

/// A program's output goes to a file, which has room for all of it. A pipe would need a reader all the time, and
/// Foundation's readers (readabilityHandler) make libdispatch crash when many of them come and go.
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
