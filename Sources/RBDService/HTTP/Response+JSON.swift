// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

import FoundationEssentials
import HTTPTypes
import Hummingbird
import NIOCore

extension Response {
    /// A JSON answer, without what whoever asked must not see. Keys are sorted, so that the same thing always reads the same.
    static func json(
        _ value: some Encodable,
        status: HTTPResponse.Status = .ok,
        headers: HTTPFields = [:]
    ) -> Response {
        // Our own types hold nothing that JSON can't, so this is a fault of ours, not of the request.
        let shown: any Encodable = (value as? any Scoped)?.seen() ?? value
        guard let buffer = ByteBuffer(json: shown) else { return Response(status: .internalServerError) }
        return json(buffer, status: status, headers: headers)
    }

    /// What is JSON already.
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

    /// A long body, sent and where asked for compressed piece by piece: others that the same thread serves come in between.
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
