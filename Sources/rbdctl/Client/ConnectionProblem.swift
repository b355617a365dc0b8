// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

internal import AsyncHTTPClient
internal import NIOCore
internal import NIOPosix

#if canImport(Glibc)
internal import Glibc
#elseif canImport(Musl)
internal import Musl
#else
internal import Darwin
#endif

/// Why there is no answer. What matters most to the caller is whether the request may have been carried out.
enum ConnectionProblem: Error {
    /// The request was never sent.
    case notConnected(reason: String)
    /// The connection broke after the request was sent, or may have been sent.
    case broken(reason: String)
    case timedOut
    case answerTooLong
    /// The service does not accept the client's certificate.
    case certificateRefused(reason: String)
    case other(String)

    init(_ error: any Error) {
        switch error {
        case let error as ConnectionProblem: self = error
        case let error as NIOConnectionError: self = .notConnected(reason: Self.reason(error))
        case let error as IOError where Self.refusals.contains(error.errnoCode):
            self = .notConnected(reason: Self.text(error))
        case let error as IOError: self = .broken(reason: Self.text(error))
        case ChannelError.connectTimeout: self = .notConnected(reason: "the host does not answer")
        case let error as HTTPClientError: self.init(error)
        case is NIOTooManyBytesError: self = .answerTooLong
        default: self = Self.tls(error) ?? .other("\(error)")
        }
    }

    /// The message of BoringSSL, without its numbers and source files: `…OPENSSL_internal:CERTIFICATE_VERIFY_FAILED at
    /// …`.
    private static func tls(_ error: any Error) -> ConnectionProblem? {
        let parts = "\(error)".split(separator: ":")
        guard let place = parts.firstIndex(of: "OPENSSL_internal"), place + 1 < parts.count else { return nil }
        let words = parts[place + 1].prefix { $0 != " " }.split(separator: "_")
        // SSLV3_ALERT_CERTIFICATE_EXPIRED, TLSV1_ALERT_UNKNOWN_CA: what the other side reports about the client's
        // certificate.
        if let alert = words.firstIndex(of: "ALERT"), words.contains("CERTIFICATE") || words.last == "CA" {
            return .certificateRefused(reason: words[(alert + 1)...].joined(separator: " ").lowercased())
        }
        return .other(
            "TLS failed: \(words.joined(separator: " ").lowercased())"
                + (words.contains("VERIFY") ? "; --ca-file names certificates to trust" : "")
        )
    }

    private init(_ error: HTTPClientError) {
        switch error {
        case .connectTimeout: self = .notConnected(reason: "the host does not answer")
        case .tlsHandshakeTimeout: self = .notConnected(reason: "the TLS handshake takes too long")
        case .remoteConnectionClosed: self = .broken(reason: "the connection was closed before the answer was complete")
        case .deadlineExceeded, .readTimeout, .writeTimeout: self = .timedOut
        default: self = .other(error.shortDescription)
        }
    }

    func failure(server: ServerAddress, timeout: Duration, mayHaveChanged: Bool) -> Failure {
        let unknown = "; it is not known whether the change was made"
        switch self {
        case .notConnected(let reason):
            var failure = Failure(
                .unavailable,
                "can't connect to \(server): \(reason); is the address right (--server)?"
            )
            failure.isUnreachable = true
            return failure
        case .broken(let reason):
            return mayHaveChanged
                ? Failure(.outcomeUnknown, "\(server): \(reason)\(unknown)")
                : Failure(.unavailable, "\(server): \(reason)")
        case .timedOut:
            return Failure(
                .outcomeUnknown,
                "\(server) did not answer within \(timeout.components.seconds) s" + (mayHaveChanged ? unknown : ""),
                hint: "set a longer --timeout"
            )
        case .certificateRefused(let reason):
            return Failure(.forbidden, "\(server) does not accept the client's certificate: \(reason)")
        case .answerTooLong: return Failure(.other, "\(server): the answer is too long; check --server")
        case .other(let reason): return Failure(.other, "\(server): \(reason)")
        }
    }

    /// The errors of `connect`.
    private static let refusals: Set<CInt> = [
        ECONNREFUSED, EHOSTUNREACH, ENETUNREACH, EHOSTDOWN, ENETDOWN, EADDRNOTAVAIL, ETIMEDOUT, EACCES, EPERM,
    ]

    private static func reason(_ error: NIOConnectionError) -> String {
        guard let first = error.connectionErrors.first?.error else {
            return error.dnsAError == nil && error.dnsAAAAError == nil
                ? "the host has no address" : "the host \(error.host) can't be resolved"
        }
        switch first {
        case let first as IOError: return text(first)
        case ChannelError.connectTimeout: return "the host does not answer"
        default: return "\(first)"
        }
    }

    private static func text(_ error: IOError) -> String {
        switch error.errnoCode {
        case ECONNREFUSED: "connection refused"
        case ECONNRESET, EPIPE: "the connection was reset"
        case EHOSTUNREACH: "no route to the host"
        case ENETUNREACH: "the network can't be reached"
        default: String(cString: strerror(error.errnoCode))
        }
    }
}
