// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

internal import RBDAPI

/// What stops a command, in words for the person at the terminal.
struct Failure: Error, Hashable, Sendable {
    var status: ExitStatus
    /// One sentence without a full stop.
    var detail: String
    /// Lines of their own, such as the fields in which an image differs.
    var notes: [String] = []
    /// What mends it.
    var hint: String?
    /// The service's code, where the service answered.
    var code: ProblemCode?
    /// Whether there was no connection to be had: nor is there one for the next request then.
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
        hint = problem.hint
        code = ProblemCode(rawValue: problem.code)
        // What is the service's fault is looked up in its log.
        if problem.status >= 500, let request = problem.instance { notes.append("request id: \(request)") }
    }

    /// - Parameter subject: what the failure is about, where the command has several. It is left out where the detail
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

/// The failures are on the terminal already; all that is left is to end with the status of the first.
struct ReportedFailures: Error, Hashable {
    var status: ExitStatus
}
