// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

import FoundationEssentials
import HTTPTypes
import Hummingbird
import NIOCore

extension Response {
    /// A JSON answer, without anything that the caller must not see. Keys are sorted, so that equal values give equal
    /// bytes.
    static func json(
        _ value: some Encodable,
        status: HTTPResponse.Status = .ok,
        headers: HTTPFields = [:]
    ) -> Response {
        // The service's own types can always be encoded. So a failure is a bug, not the request's fault.
        let shown: any Encodable = (value as? any Scoped)?.seen() ?? value
        guard let buffer = ByteBuffer(json: shown) else { return Response(status: .internalServerError) }
        return json(buffer, status: status, headers: headers)
    }

    /// An answer with a body that is already JSON.
    static func json(
        _ buffer: ByteBuffer,
        status: HTTPResponse.Status = .ok,
        headers: HTTPFields = [:]
    ) -> Response {
        var headers = headers
        headers[.contentType] = "application/json"
        return Response(status: status, headers: headers, body: ResponseBody(byteBuffer: buffer))
    }

    static var noContent: Response { Response(status: .noContent) }
}

extension ByteBuffer {
    /// A value as JSON, with its keys sorted.
    init?(json value: some Encodable) {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        guard let data = try? encoder.encode(value) else { return nil }
        self.init(bytes: data)
    }
}

extension ResponseBody {
    private static let chunk = 128 << 10

    /// A long body is sent, and compressed if the client accepts that, piece by piece. In between, the thread serves
    /// others.
    static func chunked(_ buffer: ByteBuffer) -> ResponseBody {
        guard buffer.readableBytes > chunk else { return ResponseBody(byteBuffer: buffer) }
        return ResponseBody(contentLength: buffer.readableBytes) { writer in
            var rest = buffer
            while let piece = rest.readSlice(length: min(chunk, rest.readableBytes)), piece.readableBytes > 0 {
                try await writer.write(piece)
            }
            try await writer.finish(nil)
        }
    }
}
