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

    private let patience: TimeAmount
    /// Whether the last part that was written ends an answer.
    private var isWhole = true
    private var isHolding = false
    /// What is waited for before the connection is closed in the middle of an answer.
    private var rest: EventLoopFuture<Void>?
    private var isScheduled = false

    /// - Parameter patience: how long a client may take to read what is left of an answer that is cut off.
    init(patience: TimeAmount) {
        self.patience = patience
    }

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

    /// Sends what is written before it closes the connection. In the middle of an answer, the channel would discard
    /// that, and with it the problem that ends a stream.
    func close(context: ChannelHandlerContext, mode: CloseMode, promise: EventLoopPromise<Void>?) {
        guard mode != .input, let rest = rest ?? sendRest(context) else {
            return context.close(mode: mode, promise: promise)
        }
        rest.assumeIsolated().whenComplete { _ in context.close(mode: mode, promise: promise) }
    }

    /// - Returns: done when everything is sent, or when the client was too slow; nil if no answer is cut off.
    private func sendRest(_ context: ChannelHandlerContext) -> EventLoopFuture<Void>? {
        guard !isWhole else { return nil }
        isHolding = false
        // Closing fails the write, which ends the wait.
        let timer = context.eventLoop.assumeIsolated().scheduleTask(in: patience) { context.close(promise: nil) }
        let sent = context.eventLoop.makePromise(of: Void.self)
        sent.futureResult.assumeIsolated().whenComplete { _ in timer.cancel() }
        context.writeAndFlush(wrapOutboundOut(.body(ByteBuffer())), promise: sent)
        rest = sent.futureResult
        return rest
    }

    func handlerRemoved(context: ChannelHandlerContext) {
        isHolding = false
    }

    private func flushNow(_ context: ChannelHandlerContext) {
        isHolding = false
        context.flush()
    }
}
