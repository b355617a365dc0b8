// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

extension KubernetesError {
    /// The error of a `meta/v1` Status, as answers have it, and ERROR events of a watch.
    /// - Parameters:
    ///   - code: the HTTP status; nil for the one in the object.
    ///   - retryAfter: the seconds of the header Retry-After.
    init(status: JSONObject, code: Int? = nil, retryAfter: Int? = nil) {
        let code = code ?? status[int: "code"].map { Int($0) }
        let details = status[object: "details"]
        let text = status[string: "reason"].flatMap { $0.isEmpty ? nil : $0 }
        let seconds = details[int: "retryAfterSeconds"].flatMap { $0 > 0 ? Int($0) : nil }
        self.init(
            text.map { Reason($0) } ?? Self.reason(of: code),
            code: code,
            message: status[string: "message"].flatMap { $0.isEmpty ? nil : $0 } ?? "the API server gives no message",
            retryAfterSeconds: retryAfter ?? seconds,
            causes: details[objects: "causes"].map { cause in
                Cause(field: cause[string: "field"] ?? "", message: cause[string: "message"] ?? "")
            }
        )
    }

    /// The error of an answer. Proxies in front of the API server answer without a Status.
    init(code: Int, body: [UInt8], retryAfter: Int?) {
        if let status = (try? JSONValue(parsing: body))?.object, status[string: "kind"] == "Status" {
            self.init(status: status, code: code, retryAfter: retryAfter)
            return
        }
        let words = String(decoding: body.prefix(200), as: UTF8.self).split(whereSeparator: \.isWhitespace)
        self.init(
            Self.reason(of: code),
            code: code,
            message: words.isEmpty ? "the answer has no content" : words.joined(separator: " "),
            retryAfterSeconds: retryAfter
        )
    }

    /// The reason of a status that comes without one.
    private static func reason(of code: Int?) -> Reason {
        switch code {
        case 400: .badRequest
        case 401: .unauthorized
        case 403: .forbidden
        case 404: .notFound
        case 405: .methodNotAllowed
        case 406: .notAcceptable
        case 409: .conflict
        case 410: .gone
        case 413: .requestEntityTooLarge
        case 415: .unsupportedMediaType
        case 422: .invalid
        case 429: .tooManyRequests
        case 500: .internalError
        case 503: .serviceUnavailable
        case 504: .timeout
        default: .unknown
        }
    }
}
