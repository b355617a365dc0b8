// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

/// Why a call of the Kubernetes API failed: a `meta/v1` Status of the API server, or no answer at all.
///
///     do { … } catch KubernetesError.Reason.notFound { … }
public struct KubernetesError: Error, Hashable, Sendable, CustomStringConvertible {
    /// The reason of a Status, or one of this client's own reasons. API servers may send others than those below.
    public struct Reason: Hashable, Sendable, CustomStringConvertible {
        public let description: String

        public init(_ description: String) {
            self.description = description
        }
    }

    public var reason: Reason
    /// The HTTP status; nil if there is no answer.
    public var code: Int?
    /// The sentence of the API server, or of this client.
    public var message: String
    /// How long the API server asks to wait before the next attempt; nil if it does not say.
    public var retryAfterSeconds: Int?
    /// What is wrong with each field, for `Invalid`.
    public var causes: [Cause]

    /// `meta/v1` StatusCause.
    public struct Cause: Hashable, Sendable {
        /// Such as `spec.capacity`; empty if it is not about a field.
        public var field: String
        public var message: String
    }

    public init(
        _ reason: Reason,
        code: Int? = nil,
        message: String,
        retryAfterSeconds: Int? = nil,
        causes: [Cause] = []
    ) {
        self.reason = reason
        self.code = code
        self.message = message
        self.retryAfterSeconds = retryAfterSeconds
        self.causes = causes
    }

    public var description: String {
        "\(message) (\(reason)\(code.map { ", HTTP status \($0)" } ?? ""))"
    }

    /// Whether a change may have been made although there was no answer.
    public var mayHaveBeenMade: Bool {
        [.noAnswer, .connectionBroken, .invalidAnswer, .timeout, .serverTimeout].contains(reason)
    }

    /// Whether a list or a watch must start again, because its version or its page token has expired.
    public var isExpired: Bool { reason == .expired || reason == .gone || code == 410 }
}

extension KubernetesError.Reason {
    public static let badRequest = Self("BadRequest")
    public static let unauthorized = Self("Unauthorized")
    public static let forbidden = Self("Forbidden")
    public static let notFound = Self("NotFound")
    public static let methodNotAllowed = Self("MethodNotAllowed")
    public static let notAcceptable = Self("NotAcceptable")
    public static let alreadyExists = Self("AlreadyExists")
    /// The object has changed since it was read, or a precondition is not met.
    public static let conflict = Self("Conflict")
    public static let gone = Self("Gone")
    /// A resource version or the token of a page is too old.
    public static let expired = Self("Expired")
    public static let requestEntityTooLarge = Self("RequestEntityTooLarge")
    public static let unsupportedMediaType = Self("UnsupportedMediaType")
    public static let invalid = Self("Invalid")
    public static let tooManyRequests = Self("TooManyRequests")
    public static let internalError = Self("InternalError")
    public static let serviceUnavailable = Self("ServiceUnavailable")
    /// The API server could not complete the request in time.
    public static let serverTimeout = Self("ServerTimeout")
    /// The API server's time limit for the request has passed.
    public static let timeout = Self("Timeout")
    /// The answer has another status, and no reason.
    public static let unknown = Self("Unknown")

    /// Of this client: the request was never sent.
    public static let notConnected = Self("NotConnected")
    /// Of this client: TLS failed, because of either side's certificate.
    public static let tlsFailed = Self("TLSFailed")
    /// Of this client: the connection broke after the request was sent, or may have been sent.
    public static let connectionBroken = Self("ConnectionBroken")
    /// Of this client: the request took too long.
    public static let noAnswer = Self("NoAnswer")
    /// Of this client: the answer is not one of the Kubernetes API.
    public static let invalidAnswer = Self("InvalidAnswer")

    /// So that `catch KubernetesError.Reason.notFound` works.
    public static func ~= (reason: Self, error: any Error) -> Bool {
        (error as? KubernetesError)?.reason == reason
    }
}
