// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

import FoundationEssentials
import HTTPTypes
import Hummingbird
import NIOCore
import RBDAPI

extension Request {
    /// Reads a JSON body and refuses unknown fields.
    /// - Throws: `Problem` with `unsupported-media-type`, `body-too-large`, `malformed-body` (also if a field is given
    ///   twice), `unknown-field`, or the code of an invalid size.
    func json<Body: RBDAPI.RequestBody>(_ type: Body.Type, limit: Int) async throws -> Body {
        let buffer = try await jsonBody(limit: limit)
        do {
            let body = try JSONDecoder().decode(Strict<Body>.self, from: Data(buffer.readableBytesView)).body
            if let flaw = JSONFlaw(in: buffer.readableBytesView) { throw Problem(flaw) }
            AuditNotes.current?.set(body: buffer.readableBytesView)
            return body
        } catch let unknown as UnknownField {
            throw Problem(
                .unknownField,
                detail: "\"\(unknown.name)\" is not a known field",
                field: unknown.name,
                hint: "use one of \(unknown.known.joined(separator: ", "))"
            )
        } catch let error as DecodingError {
            throw Problem(error)
        }
    }

    /// Reads a JSON body whose format others define. Unknown fields are ignored.
    /// - Throws: `Problem` with `unsupported-media-type`, `body-too-large` or `malformed-body`.
    func foreignJSON<Body: Decodable>(_ type: Body.Type, limit: Int) async throws -> Body {
        let buffer = try await jsonBody(limit: limit)
        do {
            return try JSONDecoder().decode(Body.self, from: Data(buffer.readableBytesView))
        } catch let error as DecodingError {
            throw Problem(error)
        }
    }

    private func jsonBody(limit: Int) async throws -> ByteBuffer {
        let mediaType = headers[.contentType]?.prefix { $0 != ";" }.filter { !$0.isWhitespace }.lowercased()
        guard mediaType == "application/json" else {
            throw Problem(
                .unsupportedMediaType,
                detail: "the body must be JSON",
                field: "Content-Type",
                remedy: .sendHeader("Content-Type", "application/json")
            )
        }
        let buffer: ByteBuffer
        do {
            buffer = try await body.collect(upTo: limit)
        } catch is NIOTooManyBytesError {
            throw Problem(.bodyTooLarge, detail: "the body is over the limit of \(limit) bytes")
        }
        guard buffer.readableBytes > 0 else {
            throw Problem(.malformedBody, detail: "the body is empty; it must be a JSON object")
        }
        return buffer
    }
}

extension Problem {
    /// What is wrong with a JSON body. It names the field.
    init(_ error: DecodingError) {
        switch error {
        case .keyNotFound(let key, let context):
            let field = (Self.field(context).map { "\($0)." } ?? "") + key.stringValue
            self.init(.malformedBody, detail: "the field \"\(field)\" is missing", field: field)
        case .valueNotFound(_, let context):
            let field = Self.field(context)
            self.init(.malformedBody, detail: "\(Self.subject(field)) must not be null", field: field)
        case .typeMismatch(let type, let context):
            let field = Self.field(context)
            self.init(.malformedBody, detail: "\(Self.subject(field)) must be \(Self.jsonName(of: type))", field: field)
        case .dataCorrupted(let context):
            let field = Self.field(context)
            if let size = context.underlyingError as? ByteCount.ParseError, let field {
                self.init(Self.sizeCode(of: field), detail: "\(field): \(size.reason)", field: field)
            } else if let field {
                self.init(.malformedBody, detail: "\(Self.subject(field)): \(context.debugDescription)", field: field)
            } else {
                self.init(.malformedBody, detail: "the body is not JSON: \(context.debugDescription)")
            }
        @unknown default:
            self.init(.malformedBody, detail: "the body can't be read")
        }
    }

    private static func field(_ context: DecodingError.Context) -> String? {
        let keys = context.codingPath.filter { $0.intValue == nil }.map(\.stringValue)
        return keys.isEmpty ? nil : keys.joined(separator: ".")
    }

    private static func subject(_ field: String?) -> String {
        field.map { "the field \"\($0)\"" } ?? "the body"
    }

    private static func sizeCode(of field: String) -> ProblemCode {
        switch field {
        case "objectSize": .invalidObjectSize
        case "stripeUnit": .invalidStriping
        case _ where field.hasPrefix("qos"): .invalidQoS
        default: .invalidSize
        }
    }

    private static func jsonName(of type: any Any.Type) -> String {
        switch type {
        case is String.Type: "a string"
        case is any FixedWidthInteger.Type: "a whole number"
        // Decoders report this type if they expected an object.
        case is [String: Any].Type: "a JSON object"
        case is any Sequence.Type: "an array"
        default: "a JSON object"
        }
    }
}

extension Request {
    /// Whether the client accepts a media type and prefers it to the default one.
    func accepts(_ mediaType: String) -> Bool {
        for range in headers[values: .accept].joined(separator: ",").split(separator: ",") {
            let parts = range.split(separator: ";").map { $0.filter { !$0.isWhitespace }.lowercased() }
            guard parts.first == mediaType else { continue }
            return !parts.dropFirst().contains { $0.hasPrefix("q=") && Double($0.dropFirst(2)) == 0 }
        }
        return false
    }
}
