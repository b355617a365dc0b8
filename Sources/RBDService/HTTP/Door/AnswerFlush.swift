// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

import NIOCore
import NIOHTTPTypes

/// Sends the head of an answer together with its body if both are ready at once.
///
/// Hummingbird flushes each part of an answer. Without this, the head would be a write and a packet of its own, and so
/// would a short body: a quarter of what a short answer costs, for the client as well. This handler is the first that
/// an answer passes, so that the others flush once for each answer.
///
/// Held parts leave with the answer's end, or at the latest when the event loop has done its queued work: the head of a
/// stream does not wait for the stream's first event.
final class AnswerFlush: ChannelOutboundHandler, RemovableChannelHandler {
    typealias OutboundIn = HTTPResponsePart
    typealias OutboundOut = HTTPResponsePart

    /// Whether the last part that was written ends an answer.
    private var isWhole = true
    private var isHolding = false
    private var isScheduled = false

    func write(context: ChannelHandlerContext, data: NIOAny, promise: EventLoopPromise<Void>?) {
        if case .end = unwrapOutboundIn(data) { isWhole = true } else { isWhole = false }
        context.write(data, promise: promise)
    }

    func flush(context: ChannelHandlerContext) {
        guard !isWhole else { return flushNow(context) }
        isHolding = true
        guard !isScheduled else { return }
        isScheduled = true
        context.eventLoop.assumeIsolated().execute {
            self.isScheduled = false
            if self.isHolding { self.flushNow(context) }
        }
    }

    /// Closing would discard the parts that are not flushed.
    func close(context: ChannelHandlerContext, mode: CloseMode, promise: EventLoopPromise<Void>?) {
        if isHolding, mode != .input { flushNow(context) }
        context.close(mode: mode, promise: promise)
    }

    func handlerRemoved(context: ChannelHandlerContext) {
        isHolding = false
    }

    private func flushNow(_ context: ChannelHandlerContext) {
        isHolding = false
        context.flush()
    }
}
