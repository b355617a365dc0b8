// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

import NIOHTTP1
import RBDAPI

/// What is wrong with the head of a request, beyond what the parser refuses. A head is refused if two readers could
/// disagree on where the request ends or for which host it is. The other reader may be a proxy, and may take a part of
/// the body for another request.
enum RequestRules {
    /// More than any path has. Each parameter is parsed before the caller is authenticated.
    private static let maximumParameters = 100

    /// - Returns: nil if the request may pass.
    static func objection(to head: HTTPRequestHead, limits: DoorLimits) -> Problem? {
        guard head.version == .http1_1 || head.version == .http1_0 else {
            return Problem(.httpVersionNotSupported, detail: "the service speaks HTTP/1.1 and HTTP/1.0")
        }
        if let detail = objection(toTarget: head.uri) {
            return malformed(
                detail,
                field: nil,
                hint: "write the path with a slash at the start, and percent-encode it"
            )
        }
        guard head.uri.utf8.count(where: { $0 == UInt8(ascii: "&") }) < maximumParameters else {
            return malformed("the address has more than \(maximumParameters) query parameters", field: nil)
        }
        for (name, value) in head.headers where !isPlain(value) {
            return malformed("it holds control characters or is not UTF-8", field: String(name.prefix(60)))
        }
        return objection(toHost: head) ?? objection(toLength: head, limits: limits) ?? objection(toExpectation: head)
    }

    private static func malformed(_ detail: String, field: String?, hint: String? = nil) -> Problem {
        Problem(.malformedRequest, detail: (field.map { "\($0): " } ?? "") + detail, field: field, hint: hint)
    }

    private static func objection(toTarget target: String) -> String? {
        guard target.utf8.allSatisfy({ $0 > 0x20 && $0 < 0x7F && $0 != UInt8(ascii: "#") }) else {
            return "the address has characters that must be percent-encoded"
        }
        let isKnown =
            target.hasPrefix("/") || target == "*" || target.hasPrefix("http://") || target.hasPrefix("https://")
        return isKnown ? nil : "the address is neither a path nor an http address"
    }

    /// The parser replaces bytes that are not UTF-8 by U+FFFD.
    private static func isPlain(_ value: String) -> Bool {
        value.unicodeScalars.allSatisfy { scalar in
            scalar == "\t" || (scalar.value >= 0x20 && scalar.value != 0x7F && scalar.value != 0xFFFD)
        }
    }

    /// A header's values, without the blanks that the parser leaves at both ends.
    private static func values(_ name: String, of head: HTTPRequestHead) -> [Substring] {
        head.headers[name].map { value in
            var value = Substring(value)
            while value.last == " " || value.last == "\t" { value.removeLast() }
            return value
        }
    }

    private static func objection(toHost head: HTTPRequestHead) -> Problem? {
        let hosts = values("Host", of: head)
        if hosts.count > 1 { return malformed("it is given twice", field: "Host") }
        guard let host = hosts.first else {
            return head.version == .http1_0 ? nil : malformed("it is missing", field: "Host")
        }
        // Letters, digits, and the other characters of addresses and ports.
        let isPlain = host.utf8.allSatisfy { byte in
            switch byte {
            case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                UInt8(ascii: "0")...UInt8(ascii: "9"):
                true
            default: "-._~:[]%".utf8.contains(byte)
            }
        }
        return isPlain ? nil : malformed("it is not a host's name or address", field: "Host")
    }

    private static func objection(toLength head: HTTPRequestHead, limits: DoorLimits) -> Problem? {
        let codings = values("Transfer-Encoding", of: head)
        let lengths = values("Content-Length", of: head)
        if !codings.isEmpty {
            guard codings.count == 1, codings[0].lowercased() == "chunked" else {
                return malformed("it must be \"chunked\", given once", field: "Transfer-Encoding")
            }
            guard head.version == .http1_1 else {
                return malformed("HTTP/1.0 does not have it", field: "Transfer-Encoding")
            }
            guard lengths.isEmpty else {
                return malformed("it can't be given together with Transfer-Encoding", field: "Content-Length")
            }
        }
        guard let length = lengths.first else { return nil }
        guard lengths.count == 1, !length.isEmpty, length.utf8.allSatisfy({ (0x30...0x39).contains($0) }) else {
            return malformed("it must be one whole number", field: "Content-Length")
        }
        guard let bytes = Int(length), bytes <= limits.bodyBytes else { return bodyTooLarge(limits) }
        return nil
    }

    private static func objection(toExpectation head: HTTPRequestHead) -> Problem? {
        let expectations = values("Expect", of: head)
        guard !expectations.isEmpty, expectations.map({ $0.lowercased() }) != ["100-continue"] else { return nil }
        return Problem(.expectationFailed, detail: "Expect: it must be \"100-continue\"", field: "Expect")
    }

    static func bodyTooLarge(_ limits: DoorLimits) -> Problem {
        Problem(.bodyTooLarge, detail: "the body is over the limit of \(limits.bodyBytes) bytes")
    }

    /// The problem that an error of the parser means for the client.
    static func problem(_ error: HTTPParserError, limits: DoorLimits) -> Problem {
        switch error {
        case .headerOverflow:
            Problem(
                .headerTooLarge,
                detail: "the head is over the limit of \(limits.headerBytes) bytes or \(limits.headerCount) headers"
            )
        case .invalidVersion:
            Problem(.httpVersionNotSupported, detail: "the service speaks HTTP/1.1 and HTTP/1.0")
        default:
            Problem(.malformedRequest, detail: "it can't be read: \(error)")
        }
    }
}
