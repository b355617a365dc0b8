// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

internal import ArgumentParser
internal import RBDAPI

/// Of commands that begin an operation.
struct WaitOptions: ParsableArguments {
    @Flag(inversion: .prefixedNo, help: "Whether to wait for the end of the operation.")
    var wait = true

    /// Follows an operation; or, where it is not waited for, prints its id.
    /// - Returns: the operation, which has succeeded; nil where it is not waited for.
    func end(of operation: RBDAPI.Operation, _ client: APIClient) async throws -> RBDAPI.Operation? {
        if wait { return try await OperationFollower(client: client).follow(operation) }
        try Console.output.write(Escaping.name(operation.id) + "\n")
        return nil
    }
}

/// Stays with an operation until it has ended, and shows how far it is: as a bar on a terminal, in lines elsewhere.
struct OperationFollower {
    let client: APIClient
    var errors = Console.errors

    /// - Returns: the operation, which has succeeded.
    /// - Throws: ``Failure``, where it failed or was cancelled, or can't be asked for.
    func follow(_ first: RBDAPI.Operation) async throws -> RBDAPI.Operation {
        var display = ProgressDisplay(isTerminal: errors.isTerminal)
        var operation = first
        if !operation.state.isFinished {
            errors.report("operation \(Escaping.terminal(first.id)); interrupting this leaves it at work\n")
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

/// What is written to show how far an operation is.
struct ProgressDisplay {
    let isTerminal: Bool
    private var told = ""
    private var tenth = -1

    private static let width = 40

    init(isTerminal: Bool) {
        self.isTerminal = isTerminal
    }

    /// - Returns: empty where there is nothing new to be said.
    mutating func update(_ operation: RBDAPI.Operation) -> String {
        let what = Escaping.terminal("\(operation.kind) \(operation.subject)")
        let state = operation.note.map { "waiting: \(Escaping.terminal($0))" } ?? operation.state.rawValue
        if isTerminal {
            let filled = Int(operation.percent / 100 * Double(Self.width))
            let bar = String(repeating: "#", count: filled) + String(repeating: ".", count: Self.width - filled)
            let line = "\(what) [\(bar)] \(Int(operation.percent))% \(state)"
            guard line != told else { return "" }
            told = line
            // Back to the beginning of the line, and away with what is left of a longer one.
            return "\r\(line)\u{1B}[K" + (operation.state.isFinished ? "\n" : "")
        }
        let step = Int(operation.percent / 10)
        guard state != told || step != tenth else { return "" }
        (told, tenth) = (state, step)
        return "\(what): \(Int(operation.percent))% \(state)\n"
    }
}
