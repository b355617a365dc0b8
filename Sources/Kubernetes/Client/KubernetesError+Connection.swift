// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

import AsyncHTTPClient
import NIOCore
import NIOPosix

/// A call that took longer than its time limit.
struct TimeLimitPassed: Error {
    var limit: Duration
}

extension KubernetesError {
    /// The error of a call without a complete answer.
    init(connection error: any Error) {
        switch error {
        case let error as KubernetesError: self = error
        case let error as TimeLimitPassed:
            self.init(.noAnswer, message: "the API server did not answer within \(error.limit.components.seconds) s")
        case let error as JSONError: self.init(.invalidAnswer, message: "the answer is not JSON: \(error)")
        case let error as LineSplitter.TooLong:
            self.init(.invalidAnswer, message: "an event of a watch has more than \(error.limit) bytes")
        case let error as NIOConnectionError:
            let cause = error.connectionErrors.first.map { "\($0.error)" }
            self.init(
                .notConnected,
                message: "can't connect to \(error.host):\(error.port): \(cause ?? "the host can't be resolved")"
            )
        case ChannelError.connectTimeout: self = Self.hostIsSilent
        case let error as HTTPClientError: self.init(client: error)
        case is NIOTooManyBytesError: self.init(.invalidAnswer, message: "the answer is too long")
        default:
            let text = "\(error)"
            if let place = text.firstRange(of: "OPENSSL_internal:") {
                let words = text[place.upperBound...].prefix { $0 != " " && $0 != ")" }
                self.init(.tlsFailed, message: "TLS with the API server failed: \(words)")
            } else {
                self.init(.connectionBroken, message: "the connection to the API server broke: \(text)")
            }
        }
    }

    private static let hostIsSilent = KubernetesError(
        .notConnected,
        message: "can't connect to the API server: the host does not answer"
    )

    private init(client error: HTTPClientError) {
        switch error {
        case .connectTimeout: self = Self.hostIsSilent
        case .tlsHandshakeTimeout:
            self.init(.notConnected, message: "can't connect to the API server: the TLS handshake takes too long")
        case .getConnectionFromPoolTimeout:
            self.init(.notConnected, message: "can't connect to the API server: all connections are in use")
        case .deadlineExceeded, .readTimeout, .writeTimeout:
            self.init(.noAnswer, message: "the API server did not answer in time")
        default:
            let text = error.shortDescription
            self.init(.connectionBroken, message: "the connection to the API server broke: \(text)")
        }
    }
}
