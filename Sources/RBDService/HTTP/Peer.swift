// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

import NIOCore
import NIOSSL
import NIOTLS
import Synchronization

/// What a connection tells about its client. The requests of a connection share it.
final class Peer: Sendable {
    /// The peer of the connection whose request is being served.
    @TaskLocal static var current: Peer?

    private let found: Mutex<ClientCertificate?>

    init(certificate: ClientCertificate? = nil) {
        found = Mutex(certificate)
    }

    /// Nil if the client has sent none.
    var certificate: ClientCertificate? { found.withLock { $0 } }

    fileprivate func set(_ certificate: ClientCertificate) {
        found.withLock { $0 = certificate }
    }

    /// Reads the certificate when the TLS handshake ends, before the first request.
    final class Handler: ChannelInboundHandler, RemovableChannelHandler {
        typealias InboundIn = ByteBuffer

        private let peer: Peer

        init(_ peer: Peer) {
            self.peer = peer
        }

        func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
            if case TLSUserEvent.handshakeCompleted = event,
                let certificate = try? context.pipeline.syncOperations.nioSSL_peerCertificate()
            {
                peer.set(ClientCertificate(certificate))
            }
            context.fireUserInboundEventTriggered(event)
        }
    }
}

@available(*, unavailable)
extension Peer.Handler: Sendable {}
