// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

import Ceph
import HTTPTypes
import Hummingbird
import NIOCore
import RBDAPI

extension ImageListing {
    /// One page, or 304 if the caller has it already.
    func page(for request: Request) async throws -> Answer {
        let precondition = try Precondition(request)
        // The maximum size. Unwritten capacity takes no memory, while growing the buffer would copy it.
        var writer = JSONWriter(capacity: JSONWriter.imageBytes * (query.pageItems + 1))
        writer.beginPage()
        let next = try await page { images in images.forEach { writer.image($0) } }
        writer.endPage(nextCursor: next?.text)
        let json = SeenJSON(writer)
        let tag = EntityTag(of: json.buffer)
        let headers: HTTPFields = [.eTag: tag.weakText, .vary: "Accept"]
        return precondition.isUnchanged(tag) ? .notModified(headers) : .json(json, headers: headers)
    }

    /// All images, one per line, written as they are read. If reading fails half-way, the last line is the problem, and
    /// the response is cut off. So callers can't take it for the complete list.
    /// - Parameter requestID: the `instance` of the problem.
    func stream(requestID: String) async throws -> Answer {
        // Each batch gets the full timeout of the request. If the first batch fails, the response is an ordinary
        // problem.
        let allowance = Deadline.current.map { $0 - .now }
        let caller = Caller.current
        var stream = try stream()
        let first = try await stream.next()
        let body = ResponseBody { [stream] writer in
            var (stream, images) = (stream, first)
            do {
                while let batch = images {
                    // The next batch is read while this one is written. Both use this thread, so the read must be sent
                    // first.
                    let current = stream
                    async let following = Self.advance(current, within: allowance, for: caller)
                    await Task.yield()
                    try await access.requireStillValid()
                    if !batch.value.isEmpty { try await writer.write(Self.lines(batch)) }
                    (images, stream) = try await following
                }
            } catch {
                if var problem = Problem(ending: error) {
                    problem.instance = requestID
                    try? await writer.write(Self.line(Seen(problem, by: access)))
                }
                throw error
            }
            try await writer.finish(nil)
        }
        return .stream(body, mediaType: Self.streamType, headers: [.vary: "Accept"])
    }

    static let streamType = "application/x-ndjson"

    private static func advance(
        _ stream: Stream,
        within allowance: Duration?,
        for caller: String?
    ) async throws -> (Seen<[RBDAPI.Image]>?, Stream) {
        try await Caller.$current.withValue(caller) {
            try await Deadline.$current.withValue(allowance.map { .now + $0 }) {
                var stream = stream
                return (try await stream.next(), stream)
            }
        }
    }

    private static func line(_ problem: Seen<Problem>) -> ByteBuffer {
        var buffer = SeenJSON(problem)?.buffer ?? ByteBuffer()
        buffer.writeString("\n")
        return buffer
    }

    private static func lines(_ images: Seen<[RBDAPI.Image]>) -> ByteBuffer {
        var writer = JSONWriter(capacity: JSONWriter.imageBytes * images.value.count)
        images.forEach { image in
            writer.image(image)
            writer.endLine()
        }
        return writer.buffer
    }
}

extension Problem {
    /// The problem that ends a stream; nil if the reader has gone.
    fileprivate init?(ending error: any Error) {
        switch error {
        case let error as CephError: self.init(error)
        case let problem as Problem: self = problem
        default: return nil
        }
    }
}
