// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

import HummingbirdCore
import Logging
import NIOCore
import NIOHTTP1
import NIOHTTPTypes
import NIOHTTPTypesHTTP1
import NIOSSL
import RBDAPI
import Synchronization

/// Hummingbird's HTTP/1.1 channel with the request guard and the connection clock in front.
struct DoorChannel: ServerChildChannel, HTTPChannelHandler {
    struct Value: ServerChildChannelValue {
        fileprivate let connection: AcceptedConnection
        fileprivate let peer: Peer?
        fileprivate let executor: EventLoopTaskExecutor

        var channel: any Channel { connection.channel }
    }

    let responder: HTTPChannelHandler.Responder
    let limits: DoorLimits
    let addresses: AddressLimit?
    /// Nil for plain HTTP.
    let tls: TLSCredentials?
    let refused: @Sendable (Problem) -> Void
    var isEnding: @Sendable () -> Bool = { false }

    func setup(channel: any Channel, logger: Logger) -> EventLoopFuture<Value> {
        channel.eventLoop.makeCompletedFuture {
            var decoderLimits = NIOHTTPDecoderLimitConfiguration()
            decoderLimits.maxHeaderFieldSize = limits.headerBytes
            decoderLimits.maxHeaderListSize = limits.headerBytes
            decoderLimits.maxHeaderFieldCount = limits.headerCount
            let guardian = RequestGuard(
                limits: limits,
                isBehindTLS: tls != nil,
                refused: refused,
                isEnding: isEnding
            )
            let executor = EventLoopTaskExecutor(channel.eventLoop)
            // Otherwise the kernel would hold 4 MiB of an answer that nobody reads, and count it as memory of this
            // process.
            try channel.syncOptions?.setOption(.socketOption(.so_sndbuf), value: limits.sendBufferBytes)
            let pipeline = channel.pipeline.syncOperations
            let peer = tls?.asksClients == true ? Peer() : nil
            if let tls { try pipeline.addHandler(NIOSSLServerHandler(context: tls.context())) }
            if let peer { try pipeline.addHandler(Peer.Handler(peer)) }
            try pipeline.addHandler(TurnHandler(executor))
            try pipeline.addHandler(guardian.clock)
            try pipeline.configureHTTPServerPipeline(
                withPipeliningAssistance: false,  // the channel below passes requests on one after another
                withErrorHandling: false,  // the guard answers
                withOutboundHeaderValidation: false,  // HTTP types hold nothing else
                withEncoderConfiguration: .init(),
                withDecoderLimitConfiguration: decoderLimits
            )
            try pipeline.addHandler(guardian)
            try pipeline.addHandler(HTTP1ToHTTPServerCodec(secure: tls != nil))
            // This handler closes connections when the service stops; the clock does the rest.
            try pipeline.addHandler(HTTPConnectionStateHandler(logger: logger))
            try pipeline.addHandler(AnswerFlush())
            let http = try NIOAsyncChannel<HTTPRequestPart, HTTPResponsePart>(
                wrappingChannelSynchronously: channel,
                configuration: .init(isOutboundHalfClosureEnabled: true)
            )
            if let addresses, !addresses.admit(channel) {
                refused(Problem(.overloaded, detail: "the client's address has reached its limit of connections"))
                channel.close(promise: nil)
            }
            return Value(connection: AcceptedConnection(http), peer: peer, executor: executor)
        }
    }

    func handle(value: Value, logger: Logger) async {
        await Peer.$current.withValue(value.peer) {
            await EventLoopTaskExecutor.$current.withValue(value.executor) {
                await withTaskExecutorPreference(value.executor) {
                    await handleHTTP(asyncChannel: value.connection.take(), logger: logger)
                }
            }
        }
    }
}

/// A connection that has been accepted, but is not served yet. If the service ends, a new connection may never be
/// served. Then it is closed here: SwiftNIO would stop the process if such a channel were just dropped.
private final class AcceptedConnection: Sendable {
    private let http: NIOAsyncChannel<HTTPRequestPart, HTTPResponsePart>
    private let isTaken = Atomic(false)

    init(_ http: NIOAsyncChannel<HTTPRequestPart, HTTPResponsePart>) {
        self.http = http
    }

    deinit {
        guard !isTaken.load(ordering: .relaxed) else { return }
        let http = http
        Task { try? await http.executeThenClose { _, _ in } }
    }

    var channel: any Channel { http.channel }

    /// Hands the channel over to the code that serves it until its end.
    func take() -> NIOAsyncChannel<HTTPRequestPart, HTTPResponsePart> {
        isTaken.store(true, ordering: .relaxed)
        return http
    }
}

/// Tells the connection's executor when bytes have arrived.
private final class TurnHandler: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer

    private let executor: EventLoopTaskExecutor

    init(_ executor: EventLoopTaskExecutor) {
        self.executor = executor
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        executor.turnBegan()
        context.fireChannelRead(data)
    }
}
