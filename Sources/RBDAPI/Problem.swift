// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

/// An error as RFC 9457 problem details (`application/problem+json`).
///
/// `code` is stable: programs switch on it. `title` is the same for every problem with the same code; `detail`
/// describes this one.
public struct Problem: Codable, Hashable, Sendable, Error {
    public static let contentType = "application/problem+json"

    /// `/problems/` and the code.
    public var type: String
    public var title: String
    public var status: Int
    public var detail: String
    /// The request's id, which is also in the service's log.
    public var instance: String?
    /// Kebab-case and stable, such as `image-not-found`.
    public var code: String
    /// The request's field, query parameter or header that is at fault.
    public var field: String?
    /// The positive errno from Ceph, if Ceph caused the problem.
    public var errno: Int32?
    /// Whether the same request may succeed later.
    public var retryable: Bool
    /// What solves the problem, in a sentence for clients of the HTTP API.
    public var hint: String?
    /// The same as data, for clients that have their own words for it. Absent if the hint reads the same for all.
    public var remedy: Remedy?
    /// If PUT found an image that differs from the request: each differing field with both values.
    public var differences: [Difference]?
    /// Everything that blocks the deletion of an image or a snapshot.
    public var blockers: [Blocker]?

    /// - Parameters:
    ///   - hint: what solves the problem, in words that any client understands: no method, path or field.
    ///   - remedy: what solves it, if clients have different words for it. The hint is then the remedy's.
    public init(
        _ code: ProblemCode,
        detail: String,
        field: String? = nil,
        errno: Int32? = nil,
        hint: String? = nil,
        remedy: Remedy? = nil,
        differences: [Difference]? = nil,
        blockers: [Blocker]? = nil
    ) {
        self.type = "/problems/\(code.rawValue)"
        self.title = code.title
        self.status = code.status
        self.detail = detail
        self.code = code.rawValue
        self.field = field
        self.errno = errno
        self.retryable = code.isRetryable
        self.hint = remedy?.hint ?? hint
        self.remedy = remedy
        self.differences = differences
        self.blockers = blockers
    }

    /// A problem with one field of the request.
    /// - Parameter reason: what is wrong, in words that follow the name of the field and a colon.
    public init(
        _ code: ProblemCode,
        _ field: String,
        _ reason: String,
        errno: Int32? = nil,
        hint: String? = nil,
        remedy: Remedy? = nil
    ) {
        self.init(code, detail: "\(field): \(reason)", field: field, errno: errno, hint: hint, remedy: remedy)
    }

    /// The code with its status and title. The code may be one of a newer service.
    public var kind: ProblemCode { ProblemCode(code, status, title, isRetryable: retryable) }

    /// Replaces the remedy, and the hint with it.
    public mutating func offer(_ remedy: Remedy) {
        self.remedy = remedy
        hint = remedy.hint
    }

    /// Replaces the hint by one that any client understands, and removes the remedy.
    public mutating func advise(_ hint: String?) {
        self.hint = hint
        remedy = nil
    }

    /// A field in which an existing image differs from the request. Values are texts: sizes in bytes, features joined
    /// by commas.
    public struct Difference: Codable, Hashable, Sendable {
        public var field: String
        public var requested: String
        public var actual: String

        public init(field: String, requested: String, actual: String) {
            self.field = field
            self.requested = requested
            self.actual = actual
        }
    }

    /// One thing that blocks a deletion or a rollback.
    public struct Blocker: Codable, Hashable, Sendable {
        public enum Kind: String, Codable, CaseIterable, Sendable {
            /// A client that has the image open.
            case watcher
            /// An advisory lock, which outlives its holder.
            case lock
            case snapshot
            /// A group that the image belongs to.
            case group
            /// A live migration that is not committed yet.
            case migration
            /// An image that was cloned from the snapshot and still needs it.
            case clone
        }

        public var kind: Kind
        /// The name of the snapshot or the group, the cookie of the lock, or the clone as `pool/image`.
        public var name: String?
        /// Ceph's name of the client's connection, such as `client.4123`.
        public var client: String?
        /// The client's IP address, port and nonce, as Ceph writes them.
        public var address: String?
        /// When it began, if that is known.
        public var since: String?

        public init(
            _ kind: Kind,
            name: String? = nil,
            client: String? = nil,
            address: String? = nil,
            since: String? = nil
        ) {
            self.kind = kind
            self.name = name
            self.client = client
            // Ceph reports no address for a client that is just disconnecting.
            self.address = address.flatMap { $0.isEmpty ? nil : $0 }
            self.since = since
        }
    }
}
