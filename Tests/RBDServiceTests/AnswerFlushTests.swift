// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

import HTTPTypes
import NIOCore
import NIOEmbedded
import NIOHTTPTypes
import Testing

@testable import RBDService

/// What is sent when, flush by flush.
struct AnswerFlushTests {
    private let channel = EmbeddedChannel(handler: AnswerFlush())
    private let head = HTTPResponsePart.head(HTTPResponse(status: .ok))
    private let body = HTTPResponsePart.body(ByteBuffer(string: "{}"))

    /// Writes and flushes, as Hummingbird does for each part.
    private func send(_ part: HTTPResponsePart) {
        channel.pipeline.writeAndFlush(part, promise: nil)
    }

    private func sent() throws -> [HTTPResponsePart] {
        var parts: [HTTPResponsePart] = []
        while let part = try channel.readOutbound(as: HTTPResponsePart.self) { parts.append(part) }
        return parts
    }

    @Test func anAnswerLeavesAsAWhole() throws {
        send(head)
        send(body)
        #expect(try sent() == [])
        send(.end(nil))
        #expect(try sent() == [head, body, .end(nil)])
    }

    /// The next answer is delayed anew, whatever was planned for the previous one.
    @Test func answersFollowEachOther() throws {
        for _ in 0..<3 {
            send(head)
            #expect(try sent() == [])
            send(.end(nil))
            #expect(try sent() == [head, .end(nil)])
        }
    }

    @Test func whatIsFollowedByNothingLeavesWithTheTurn() throws {
        send(head)
        channel.embeddedEventLoop.run()
        #expect(try sent() == [head])
        send(body)
        channel.embeddedEventLoop.run()
        #expect(try sent() == [body])
    }

    @Test func nothingIsLostWhereTheConnectionIsClosed() throws {
        send(head)
        send(body)
        channel.close(promise: nil)
        #expect(try sent() == [head, body])
    }
}
