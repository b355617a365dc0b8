// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

import FoundationEssentials
import HTTPTypes
import Hummingbird
import NIOCore

extension Response {
    /// A JSON answer. Keys are sorted, so that the same thing always reads the same.
    static func json(
        _ value: some Encodable,
        status: HTTPResponse.Status = .ok,
        headers: HTTPFields = [:]
    ) -> Response {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        guard let data = try? encoder.encode(value) else {
            // Our own types hold nothing that JSON can't, so this is a fault of ours, not of the request.
            return Response(status: .internalServerError)
        }
        return json(ByteBuffer(bytes: data), status: status, headers: headers)
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
