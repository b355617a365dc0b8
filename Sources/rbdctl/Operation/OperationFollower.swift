// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

internal import ArgumentParser
internal import RBDAPI

/// The options of commands that begin an operation.
struct WaitOptions: ParsableArguments {
    @Flag(inversion: .prefixedNo, help: "Whether to wait for the end of the operation.")
    var wait = true

    /// Follows an operation, or with `--no-wait` prints its id.
    /// - Returns: the operation, which has succeeded; nil with `--no-wait`.
    func end(of operation: RBDAPI.Operation, _ client: APIClient) async throws -> RBDAPI.Operation? {
        if wait { return try await OperationFollower(client: client).follow(operation) }
        try Console.output.write(Escaping.name(operation.id) + "\n")
        return nil
    }
}

/// Follows an operation until it has ended, and shows its progress: as a bar on a terminal, otherwise in lines.
struct OperationFollower {
    let client: APIClient
    var errors = Console.errors

    /// - Returns: the operation, which has succeeded.
    /// - Throws: ``Failure`` if the operation failed or was cancelled, or can't be read.
    func follow(_ first: RBDAPI.Operation) async throws -> RBDAPI.Operation {
        var display = ProgressDisplay(isTerminal: errors.isTerminal)
        var operation = first
        if !operation.state.isFinished {
            errors.report("operation \(Escaping.terminal(first.id)); it continues if this command is interrupted\n")
        }
        while true {
            errors.report(display.update(operation))
            guard !operation.state.isFinished else { break }
            try await Task.sleep(for: .milliseconds(300))
            operation = try await client.operation(first.id)
        }
        switch operation.state {
        case .succeeded: return operation
        case .cancelled: throw Failure(.conflict, "operation \(operation.id) was cancelled")
        default:
            throw operation.problem.map { Failure($0) } ?? Failure(.other, "operation \(operation.id) failed")
        }
    }
}

/// Formats the progress of an operation.
struct ProgressDisplay {
    let isTerminal: Bool
    private var told = ""
    private var tenth = -1

    private static let width = 40

    init(isTerminal: Bool) {
        self.isTerminal = isTerminal
    }

    /// - Returns: empty if nothing has changed.
    mutating func update(_ operation: RBDAPI.Operation) -> String {
        let what = Escaping.terminal("\(operation.kind) \(operation.subject)")
        let state = operation.note.map { "waiting: \(Escaping.terminal($0))" } ?? operation.state.rawValue
        if isTerminal {
            let filled = Int(operation.percent / 100 * Double(Self.width))
            let bar = String(repeating: "#", count: filled) + String(repeating: ".", count: Self.width - filled)
            let line = "\(what) [\(bar)] \(Int(operation.percent))% \(state)"
            guard line != told else { return "" }
            told = line
            // Returns to the beginning of the line, and clears the rest of a longer one.
            return "\r\(line)\u{1B}[K" + (operation.state.isFinished ? "\n" : "")
        }
        let step = Int(operation.percent / 10)
        guard state != told || step != tenth else { return "" }
        (told, tenth) = (state, step)
        return "\(what): \(Int(operation.percent))% \(state)\n"
    }
}
