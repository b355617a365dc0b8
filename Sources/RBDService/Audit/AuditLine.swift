// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

import Ceph
import RBDAPI

/// An image before or after a change, as the audit log shows it.
struct AuditImage: Hashable, Sendable {
    var name: String
    /// Nil if it is not known.
    var sizeBytes: UInt64?
    var features: [String]?

    init(_ image: RBDAPI.Image) {
        (name, sizeBytes, features) = (image.name, image.sizeBytes, image.features)
    }

    init(_ image: ImageInfo) {
        (name, sizeBytes, features) = (image.name, image.sizeBytes, image.features.names)
    }

    init(name: String, _ image: ImageInfo?) {
        self.name = name
        (sizeBytes, features) = (image?.sizeBytes, image?.features.names)
    }

    fileprivate var json: String {
        let names = (features ?? []).prefix(AuditValue.maximumItems).map { AuditValue.quoted($0, atMost: 64) }
        let features = features == nil ? "null" : "[\(names.joined(separator: ","))]"
        return "{\"name\":\(AuditValue.quoted(name)),\"sizeBytes\":\(sizeBytes.map { "\($0)" } ?? "null"),"
            + "\"features\":\(features)}"
    }
}

/// A line of the audit log about a request. Each line has all members; those without a value are null.
struct AuditLine: Sendable {
    enum Outcome: String, Sendable {
        case succeeded, refused, failed
        /// An operation has started, and is still running.
        case accepted
    }

    var requestID = ""
    var identity: String?
    var peer: AuditPeer?
    /// The verb of the route's access rule.
    var verb: Verb?
    var method: String
    /// The route's template. The service defines it, and it is short.
    var route: String
    var object: String
    var parameters: [String: AuditValue] = [:]
    var outcome: Outcome
    var status: Int
    var code: String?
    var errno: CInt?
    var duration: Duration
    var operations: [String] = []
    var before: AuditImage?
    var after: AuditImage?
}

extension AuditLine {
    /// The maximum length of a line, with its line feed. A write of up to this length to a pipe is atomic.
    static let maximumBytes = 4096

    /// - Parameter time: when the request ended.
    func text(time: String = LogText.time()) -> String {
        let told = text(time, parameters: AuditValue.members(parameters).json)
        if told.utf8.count <= Self.maximumBytes { return told }
        return text(time, parameters: AuditValue.omitted.json)
    }

    private func text(_ time: String, parameters: String) -> String {
        let operations = operations.prefix(16).map { AuditValue.quoted($0, atMost: 64) }
        let members: [(StaticString, String)] = [
            ("time", "\"\(time)\""),
            ("event", "\"request\""),
            ("requestId", Self.quoted(requestID)),
            ("identity", Self.quoted(identity)),
            ("peer", peer?.json ?? "null"),
            ("verb", Self.quoted(verb?.rawValue)),
            ("method", Self.quoted(method)),
            ("route", Self.quoted(route)),
            ("object", AuditValue.quoted(object, atMost: 640)),
            ("parameters", parameters),
            ("outcome", Self.quoted(outcome.rawValue)),
            ("status", "\(status)"),
            ("code", Self.quoted(code)),
            ("errno", errno.map { "\($0)" } ?? "null"),
            ("durationMs", "\(duration.milliseconds)"),
            ("operations", "[\(operations.joined(separator: ","))]"),
            ("before", before?.json ?? "null"),
            ("after", after?.json ?? "null"),
        ]
        return Self.line(members)
    }

    static func quoted(_ text: String?) -> String { text.map { AuditValue.quoted($0) } ?? "null" }

    static func line(_ members: [(StaticString, String)]) -> String {
        "{\(members.map { "\"\($0)\":\($1)" }.joined(separator: ","))}\n"
    }
}

/// The client's end of the connection.
struct AuditPeer: Hashable, Sendable {
    /// An address and a port; "unix" for the Unix socket.
    var address: String
    /// The user and the process at the other end of the Unix socket.
    var uid: UInt32?
    var pid: Int32?

    fileprivate var json: String {
        let process = [uid.map { "uid=\($0)" }, pid.map { "pid=\($0)" }].compactMap { $0 }
        return AuditValue.quoted(([address] + process).joined(separator: " "))
    }
}
