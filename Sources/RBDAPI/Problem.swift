// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

/// An error as RFC 9457 problem details (`application/problem+json`).
///
/// `code` is stable: programs switch on it. `title` is the same for every problem of a code; `detail` speaks of this one.
public struct Problem: Codable, Hashable, Sendable, Error {
    public static let contentType = "application/problem+json"

    /// `/problems/` and the code.
    public var type: String
    public var title: String
    public var status: Int
    public var detail: String
    /// The request's id, which the service's log carries too.
    public var instance: String?
    /// Kebab-case and stable, such as `image-not-found`.
    public var code: String
    /// The request's field, query parameter or header that is at fault.
    public var field: String?
    /// The positive errno that Ceph gave, where one is behind the problem.
    public var errno: Int32?
    /// Whether the same request may succeed later.
    public var retryable: Bool
    /// The command or field that mends it.
    public var hint: String?
    /// Where PUT found an image that differs from the one asked for: each field with both values.
    public var differences: [Difference]?

    public init(
        _ code: ProblemCode,
        detail: String,
        field: String? = nil,
        errno: Int32? = nil,
        hint: String? = nil,
        differences: [Difference]? = nil
    ) {
        self.type = "/problems/\(code.rawValue)"
        self.title = code.title
        self.status = code.status
        self.detail = detail
        self.code = code.rawValue
        self.field = field
        self.errno = errno
        self.retryable = code.isRetryable
        self.hint = hint
        self.differences = differences
    }

    /// A field in which an existing image is not the one asked for. Values are written as texts: sizes in bytes,
    /// features joined by commas.
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
}
