// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

import NIOCore
import NIOSSL
import NIOTLS
import Synchronization

/// Who is at the other end of a connection, as far as the connection itself tells. Its requests share it.
final class Peer: Sendable {
    /// That of the connection whose requests the task serves.
    @TaskLocal static var current: Peer?

    private let found: Mutex<ClientCertificate?>

    init(certificate: ClientCertificate? = nil) {
        found = Mutex(certificate)
    }

    /// Nil where the client has shown none.
    var certificate: ClientCertificate? { found.withLock { $0 } }

    fileprivate func set(_ certificate: ClientCertificate) {
        found.withLock { $0 = certificate }
    }

    /// Looks at the certificate once the connection has it, which is before there can be a request.
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
