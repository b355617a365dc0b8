// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

import NIOCore
import NIOTLS

/// Limits how long a connection waits for the next request, the rest of a head, the rest of a body, or a client that
/// does not read. It comes before the parser, because only there the first byte of a request can be seen.
///
/// Most requests arrive in one piece and need no timer: the deadline is set once a read is over. A timer that fires too
/// early is set again.
final class ConnectionClock: ChannelDuplexHandler, RemovableChannelHandler {
    typealias InboundIn = ByteBuffer
    typealias InboundOut = ByteBuffer
    typealias OutboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer

    enum Phase {
        /// Before the end of the TLS handshake.
        case handshake
        /// Between two requests.
        case idle
        case head
        case body
        /// The request has been read. Its own deadline limits the answer.
        case answering
        /// The last answer was sent. Whatever the client still sends is discarded.
        case lingering(bytes: Int)
    }

    private let limits: DoorLimits
    /// Whether the connection starts with a TLS handshake.
    private let isBehindTLS: Bool
    /// Called if the client is too slow, so that it is answered before the connection is closed.
    private let isTooSlow: () -> Void
    private var phase = Phase.idle
    private var readDeadline: NIODeadline?
    private var writeDeadline: NIODeadline?
    /// How many bytes of answers the client had not taken at the last check.
    private var unsent = 0
    private var timer: (task: Scheduled<Void>, fires: NIODeadline)?
    private var context: ChannelHandlerContext?

    init(limits: DoorLimits, isBehindTLS: Bool = false, isTooSlow: @escaping () -> Void) {
        self.limits = limits
        self.isBehindTLS = isBehindTLS
        self.isTooSlow = isTooSlow
    }

    // MARK: Calls from the guard

    func enter(_ phase: Phase) {
        self.phase = phase
        switch phase {
        case .idle: readDeadline = now + limits.idleTimeout
        case .handshake, .head: readDeadline = now + limits.headerTimeout
        case .body: readDeadline = now + limits.bodyTimeout
        case .answering: readDeadline = nil
        case .lingering: readDeadline = now + limits.lingerTimeout
        }
        // The phase may change several times during a read.
        switch phase {
        case .idle, .handshake, .lingering: arm()
        case .head, .body, .answering: break
        }
    }

    // MARK: The channel

    func handlerAdded(context: ChannelHandlerContext) {
        self.context = context
        if context.channel.isActive { begin() }
    }

    func handlerRemoved(context: ChannelHandlerContext) {
        timer?.task.cancel()
        timer = nil
        self.context = nil
    }

    func channelActive(context: ChannelHandlerContext) {
        begin()
        context.fireChannelActive()
    }

    private func begin() { enter(isBehindTLS ? .handshake : .idle) }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        if case TLSUserEvent.handshakeCompleted = event, case .handshake = phase { enter(.idle) }
        context.fireUserInboundEventTriggered(event)
    }

    func channelInactive(context: ChannelHandlerContext) {
        timer?.task.cancel()
        timer = nil
        context.fireChannelInactive()
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        switch phase {
        case .lingering(let bytes):
            let total = bytes + unwrapInboundIn(data).readableBytes
            phase = .lingering(bytes: total)
            if total > limits.lingerBytes { context.close(promise: nil) }
            return
        case .handshake, .idle:
            enter(.head)
        case .head, .body, .answering:
            break
        }
        context.fireChannelRead(data)
    }

    func channelReadComplete(context: ChannelHandlerContext) {
        arm()
        context.fireChannelReadComplete()
    }

    func channelWritabilityChanged(context: ChannelHandlerContext) {
        writeDeadline = context.channel.isWritable ? nil : now + limits.writeTimeout
        unsent = unsentBytes(context)
        arm()
        context.fireChannelWritabilityChanged()
    }

    private func unsentBytes(_ context: ChannelHandlerContext) -> Int {
        (try? context.channel.syncOptions?.getOption(.bufferedWritableBytes)) ?? 0
    }

    // MARK: The timer

    private var deadline: NIODeadline? {
        switch (readDeadline, writeDeadline) {
        case (let read?, let write?): min(read, write)
        case (let read, let write): read ?? write
        }
    }

    /// The event loop's own time, which a test can set.
    private var now: NIODeadline { context?.eventLoop.now ?? .now() }

    /// Makes sure that the timer fires no later than the deadline.
    private func arm() {
        guard let deadline, let context else { return }
        if let timer {
            guard deadline < timer.fires else { return }
            timer.task.cancel()
        }
        let task = context.eventLoop.assumeIsolated().scheduleTask(deadline: deadline) { self.fired() }
        timer = (task, deadline)
    }

    private func fired() {
        timer = nil
        guard let deadline, let context else { return }
        guard deadline <= now else { return arm() }
        if let writeDeadline, writeDeadline <= now {
            let unsent = unsentBytes(context)
            // A long answer over a slow line is fine, as long as the client takes some of it.
            guard unsent < self.unsent else { return context.close(promise: nil) }
            self.unsent = unsent
            self.writeDeadline = now + limits.writeTimeout
            return arm()
        }
        switch phase {
        case .handshake, .idle, .answering, .lingering:
            context.close(promise: nil)
        case .head, .body:
            readDeadline = nil
            isTooSlow()
        }
    }
}

@available(*, unavailable)
extension ConnectionClock: Sendable {}
