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

/// HTTP/1.1 as Hummingbird serves it, with our guard and clock in front.
struct DoorChannel: ServerChildChannel, HTTPChannelHandler {
    struct Value: ServerChildChannelValue {
        fileprivate let http: NIOAsyncChannel<HTTPRequestPart, HTTPResponsePart>
        fileprivate let peer: Peer?

        var channel: any Channel { http.channel }
    }

    let responder: HTTPChannelHandler.Responder
    let limits: DoorLimits
    /// Nil where HTTP is spoken as it is.
    let tls: TLSCredentials?
    let refused: @Sendable (Problem) -> Void
    var isEnding: @Sendable () -> Bool = { false }

    func setup(channel: any Channel, logger: Logger) -> EventLoopFuture<Value> {
        channel.eventLoop.makeCompletedFuture {
            var decoderLimits = NIOHTTPDecoderLimitConfiguration()
            decoderLimits.maxHeaderFieldSize = limits.headerBytes
            decoderLimits.maxHeaderListSize = limits.headerBytes
            decoderLimits.maxHeaderFieldCount = limits.headerCount
            let guardian = RequestGuard(limits: limits, refused: refused, isEnding: isEnding)
            let pipeline = channel.pipeline.syncOperations
            let peer = tls?.asksClients == true ? Peer() : nil
            if let tls { try pipeline.addHandler(NIOSSLServerHandler(context: tls.context())) }
            if let peer { try pipeline.addHandler(Peer.Handler(peer)) }
            try pipeline.addHandler(guardian.clock)
            try pipeline.configureHTTPServerPipeline(
                withPipeliningAssistance: false,  // the channel below hands requests over one after another
                withErrorHandling: false,  // the guard answers
                withOutboundHeaderValidation: false,  // HTTP types hold nothing else
                withEncoderConfiguration: .init(),
                withDecoderLimitConfiguration: decoderLimits
            )
            try pipeline.addHandler(guardian)
            try pipeline.addHandler(CompressionMiddleware.handler())
            try pipeline.addHandler(HTTP1ToHTTPServerCodec(secure: tls != nil))
            // It ends connections when the service stops; the clock does the rest.
            try pipeline.addHandler(HTTPConnectionStateHandler(logger: logger))
            let http = try NIOAsyncChannel<HTTPRequestPart, HTTPResponsePart>(
                wrappingChannelSynchronously: channel,
                configuration: .init(isOutboundHalfClosureEnabled: true)
            )
            return Value(http: http, peer: peer)
        }
    }

    func handle(value: Value, logger: Logger) async {
        await Peer.$current.withValue(value.peer) {
            await withTaskExecutorPreference(EventLoopTaskExecutor(value.channel.eventLoop)) {
                await handleHTTP(asyncChannel: value.http, logger: logger)
            }
        }
    }
}
