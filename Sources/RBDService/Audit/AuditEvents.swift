// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

import FoundationEssentials
import Glibc
import RBDAPI

/// Lines that are not about a request.
extension AuditLine {
    /// The first line in a newly opened file or standard output.
    static func opened(time: String = LogText.time()) -> String {
        line([
            ("time", "\"\(time)\""), ("event", "\"opened\""), ("version", quoted(programVersion)),
            ("process", "\(getpid())"),
        ])
    }

    /// Lines that were dropped before they could be written.
    static func lost(_ count: Int, time: String = LogText.time()) -> String {
        line([("time", "\"\(time)\""), ("event", "\"lines-lost\""), ("count", "\(count)")])
    }

    /// An operation that this process ran has ended.
    static func finished(
        _ operation: RBDAPI.Operation,
        by identity: String?,
        time: String = LogText.time()
    ) -> String {
        let outcome: Outcome = operation.state == .succeeded ? .succeeded : .failed
        return line([
            ("time", "\"\(time)\""), ("event", "\"operation-finished\""), ("operation", quoted(operation.id)),
            ("kind", quoted(operation.kind)), ("identity", quoted(identity)),
            ("object", AuditValue.quoted(operation.subject, atMost: 640)), ("target", quoted(operation.target)),
            ("outcome", quoted(operation.state == .cancelled ? "cancelled" : outcome.rawValue)),
            ("code", quoted(operation.problem?.code)), ("errno", operation.problem?.errno.map { "\($0)" } ?? "null"),
            ("durationMs", duration(operation).map { "\($0)" } ?? "null"),
        ])
    }

    private static func duration(_ operation: RBDAPI.Operation) -> Int? {
        guard let end = operation.finishedAt.flatMap(Timestamp.date),
            let begin = Timestamp.date(operation.startedAt ?? operation.createdAt)
        else { return nil }
        return Int((end.timeIntervalSince(begin) * 1000).rounded())
    }
}
