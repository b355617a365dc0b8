// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

import NIOCore
import NIOHTTP1
import RBDAPI

/// Sits between the parser and the handlers. It passes only unambiguous requests on. It answers the others, and closes
/// the connection: everything that follows on it is ignored. The same goes for a request that was answered before its
/// body was read.
final class RequestGuard: ChannelDuplexHandler, RemovableChannelHandler {
    typealias InboundIn = HTTPServerRequestPart
    typealias InboundOut = HTTPServerRequestPart
    typealias OutboundIn = HTTPServerResponsePart
    typealias OutboundOut = HTTPServerResponsePart

    private let limits: DoorLimits
    private let refused: (Problem) -> Void
    /// Whether the service is about to stop. Then each answer closes its connection, so that clients go elsewhere.
    private let isEnding: () -> Bool
    /// Requests in the order of their arrival: how many heads were passed on, how many requests were read completely,
    /// how many answers were sent.
    private var begun = 0
    private var read = 0
    private var answered = 0
    private var bodyBytes = 0
    private var hasAnswerBegun = false
    private var hasCompressor = false
    /// What is waited for before the connection is closed in the middle of an answer.
    private var rest: EventLoopFuture<Void>?
    /// The request after which the client wants the connection to be closed.
    private var last: Int?
    /// A problem to answer with, once the earlier requests are answered. From then on nothing is read.
    private var objection: (problem: Problem, request: Int)?
    /// Whether the latest head is that of a HEAD request.
    private var isHeadOnly = false
    /// Whether the connection's last answer is written.
    private var isOver = false
    private var context: ChannelHandlerContext?
    private let isBehindTLS: Bool
    private(set) lazy var clock = ConnectionClock(limits: limits, isBehindTLS: isBehindTLS) { [unowned self] in
        tooSlow()
    }

    /// - Parameters:
    /// - isBehindTLS: whether the connection starts with a TLS handshake.
    /// - refused: called for each refusal, for the metrics and the log.
    init(
        limits: DoorLimits,
        isBehindTLS: Bool = false,
        refused: @escaping (Problem) -> Void = { _ in },
        isEnding: @escaping () -> Bool = { false }
    ) {
        self.limits = limits
        self.isBehindTLS = isBehindTLS
        self.refused = refused
        self.isEnding = isEnding
    }

    func handlerAdded(context: ChannelHandlerContext) {
        self.context = context
    }

    func handlerRemoved(context: ChannelHandlerContext) {
        self.context = nil
    }

    // MARK: Requests

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        guard objection == nil, !isOver, last == nil || read < begun else { return }
        switch unwrapInboundIn(data) {
        case .head(var head):
            isHeadOnly = head.method == .HEAD
            if let problem = RequestRules.objection(to: head, limits: limits) {
                return refuse(problem, request: begun + 1, context)
            }
            begun += 1
            bodyBytes = 0
            clock.enter(.body)
            if wantsClose(head) || isEnding() {
                last = begun
                // Hummingbird compares the whole header, case included.
                head.headers.replaceOrAdd(name: "Connection", value: "close")
            }
            if head.headers.contains(name: "Accept-Encoding"), !canCompress(head, context) {
                head.headers.remove(name: "Accept-Encoding")
            }
            if head.headers.contains(name: "Expect"), head.version == .http1_1, answered == begun - 1 {
                context.writeAndFlush(
                    wrapOutboundOut(.head(HTTPResponseHead(version: .http1_1, status: .continue))),
                    promise: nil
                )
            }
            context.fireChannelRead(wrapInboundOut(.head(head)))
        case .body(let bytes):
            bodyBytes += bytes.readableBytes
            if bodyBytes > limits.bodyBytes {
                return refuse(RequestRules.bodyTooLarge(limits), request: begun, context)
            }
            context.fireChannelRead(data)
        case .end:
            read += 1
            clock.enter(.answering)
            context.fireChannelRead(data)
        }
    }

    /// Whether the answer may be compressed. The compressor costs each request of its connection something, so it joins
    /// the channel with the first request that accepts compression.
    private func canCompress(_ head: HTTPRequestHead, _ context: ChannelHandlerContext) -> Bool {
        // Compressed answers are chunked, which HTTP/1.0 does not have.
        guard head.version == .http1_1 else { return false }
        // The compressor counts answers by requests: it must see both of each.
        guard !hasCompressor, answered == begun - 1 else { return hasCompressor }
        do {
            try context.pipeline.syncOperations.addHandler(CompressionMiddleware.handler(), position: .after(self))
            hasCompressor = true
        } catch {
            // The channel is being closed.
        }
        return hasCompressor
    }

    private func wantsClose(_ head: HTTPRequestHead) -> Bool {
        let options = head.headers[canonicalForm: "Connection"].map { $0.lowercased() }
        // After an offered upgrade the parser reads nothing more, whether or not the upgrade is accepted.
        if options.contains("close") || options.contains("upgrade") { return true }
        return head.version == .http1_0 && !options.contains("keep-alive")
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        guard let error = error as? HTTPParserError else { return context.fireErrorCaught(error) }
        guard objection == nil, !isOver else { return }
        refuse(RequestRules.problem(error, limits: limits), request: read < begun ? begun : begun + 1, context)
    }

    private func tooSlow() {
        guard let context, objection == nil, !isOver else { return }
        let problem = Problem(
            .requestTimeout,
            detail: "the request took too long to arrive",
            hint:
                "a head must arrive within \(limits.headerTimeout.nanoseconds / 1_000_000_000) seconds, a body within "
                + "\(limits.bodyTimeout.nanoseconds / 1_000_000_000) more"
        )
        refuse(problem, request: read < begun ? begun : begun + 1, context)
    }

    // MARK: Answers

    func write(context: ChannelHandlerContext, data: NIOAny, promise: EventLoopPromise<Void>?) {
        guard !isOver else {
            promise?.fail(ChannelError.ioOnClosedChannel)
            return
        }
        switch unwrapOutboundIn(data) {
        case .head(var head):
            hasAnswerBegun = true
            if isLastAnswer { head.headers.replaceOrAdd(name: "Connection", value: "close") }
            context.write(wrapOutboundOut(.head(head)), promise: promise)
        case .body:
            context.write(data, promise: promise)
        case .end:
            let isLast = isLastAnswer
            hasAnswerBegun = false
            answered += 1
            context.write(data, promise: promise)
            if isLast {
                end(context)
            } else if let objection, answered == objection.request - 1 {
                answer(objection.problem, context)
            } else {
                clock.enter(begun == answered ? .idle : read < begun ? .body : .answering)
            }
        }
    }

    /// Sends what is written before it closes the connection. In the middle of an answer, the channel would discard
    /// that, and with it the problem that ends a stream.
    func close(context: ChannelHandlerContext, mode: CloseMode, promise: EventLoopPromise<Void>?) {
        guard mode != .input, !isOver, let rest = rest ?? sendRest(context) else {
            return context.close(mode: mode, promise: promise)
        }
        rest.assumeIsolated().whenComplete { _ in context.close(mode: mode, promise: promise) }
    }

    /// - Returns: done when everything is sent, or when the client was too slow; nil if no answer is cut off.
    private func sendRest(_ context: ChannelHandlerContext) -> EventLoopFuture<Void>? {
        guard hasAnswerBegun else { return nil }
        // Closing fails the write, which ends the wait.
        let timer = context.eventLoop.assumeIsolated().scheduleTask(in: limits.writeTimeout) {
            context.close(promise: nil)
        }
        let sent = context.eventLoop.makePromise(of: Void.self)
        sent.futureResult.assumeIsolated().whenComplete { _ in timer.cancel() }
        context.writeAndFlush(wrapOutboundOut(.body(.byteBuffer(ByteBuffer()))), promise: sent)
        rest = sent.futureResult
        return rest
    }

    /// Whether the answer that is being written ends the connection. It does if the client wants that, or if its
    /// request has not been read completely: the rest of it must not be taken for another request.
    private var isLastAnswer: Bool {
        answered + 1 == last || read < answered + 1
    }

    private func refuse(_ problem: Problem, request: Int, _ context: ChannelHandlerContext) {
        var problem = problem
        problem.instance = RequestIDMiddleware.makeID()
        refused(problem)
        objection = (problem, request)
        guard answered == request - 1 else { return }
        if hasAnswerBegun {
            // The answer has begun: it can't be taken back, and no other answer can be put into it.
            isOver = true
            return context.close(promise: nil)
        }
        answer(problem, context)
    }

    private func answer(_ problem: Problem, _ context: ChannelHandlerContext) {
        let body = SeenJSON(Seen(problem))?.buffer ?? ByteBuffer()
        var head = HTTPResponseHead(version: .http1_1, status: HTTPResponseStatus(statusCode: problem.status))
        head.headers.add(name: "Content-Type", value: Problem.contentType)
        head.headers.add(name: "Content-Length", value: "\(body.readableBytes)")
        head.headers.add(name: "Connection", value: "close")
        head.headers.add(name: "X-Content-Type-Options", value: RequestIDMiddleware.contentTypeOptions)
        head.headers.add(name: "Cache-Control", value: RequestIDMiddleware.cacheControl)
        if let id = problem.instance { head.headers.add(name: "X-Request-Id", value: id) }
        context.write(wrapOutboundOut(.head(head)), promise: nil)
        if !isHeadOnly { context.write(wrapOutboundOut(.body(.byteBuffer(body))), promise: nil) }
        context.write(wrapOutboundOut(.end(nil)), promise: nil)
        end(context)
    }

    /// Sends what is written, and then reads for a while. If the connection were closed with unread bytes, the kernel
    /// would discard the answer.
    private func end(_ context: ChannelHandlerContext) {
        isOver = true
        clock.enter(.lingering(bytes: 0))
        context.flush()
        context.close(mode: .output, promise: nil)
    }
}

@available(*, unavailable)
extension RequestGuard: Sendable {}
