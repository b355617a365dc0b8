// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

internal import RBDAPI

/// An error that stops a command, in words for the person at the terminal.
struct Failure: Error, Hashable, Sendable {
    var status: ExitStatus
    /// One sentence without a full stop.
    var detail: String
    /// Extra lines, such as the fields in which an image differs.
    var notes: [String] = []
    /// How to solve the problem.
    var hint: String?
    /// The service's code, if the service answered.
    var code: ProblemCode?
    /// Whether no connection could be made. The next request would fail in the same way.
    var isUnreachable = false

    init(_ status: ExitStatus, _ detail: String, hint: String? = nil) {
        self.status = status
        self.detail = detail
        self.hint = hint
    }

    init(_ problem: Problem) {
        status = ExitStatus(problem)
        detail = problem.detail
        notes = (problem.differences ?? []).map(Self.line) + (problem.blockers ?? []).map(Self.line)
        hint = problem.commandLineHint
        code = problem.kind
        // For an error of the service, the id finds the request in the service's log.
        if problem.status >= 500, let request = problem.instance { notes.append("request id: \(request)") }
    }

    /// - Parameter subject: the object that failed, if the command has several. It is left out if the detail already
    ///   names it.
    func text(about subject: String? = nil) -> String {
        let subject = subject.flatMap { detail.contains($0) ? nil : "\($0): " } ?? ""
        var lines = ["rbdctl: " + subject + detail]
        lines += notes.map { "  \($0)" }
        if let hint { lines.append("hint: \(hint)") }
        return lines.map { Escaping.terminal($0) + "\n" }.joined()
    }

    private static func line(_ blocker: Problem.Blocker) -> String {
        let parts = [
            blocker.name, blocker.client, blocker.address.map { "at \($0)" }, blocker.since.map { "since \($0)" },
        ]
        return ([blocker.kind.rawValue] + parts.compactMap { $0 }).joined(separator: " ")
    }

    private static func line(_ difference: Problem.Difference) -> String {
        let (requested, actual) = (difference.requested, difference.actual)
        guard ["size", "objectSize", "stripeUnit"].contains(difference.field),
            let requestedBytes = UInt64(requested), let actualBytes = UInt64(actual)
        else { return "\(difference.field): requested \(requested), is \(actual)" }
        return "\(difference.field): requested \(ByteCount(requestedBytes)), is \(ByteCount(actualBytes))"
    }
}

/// The failures are already on the terminal. The command only has to end with the status of the first one.
struct ReportedFailures: Error, Hashable {
    var status: ExitStatus
}
