// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

import Hummingbird
import Logging
import NIOCore

/// The middlewares that are still to come, and the handler.
typealias Next = (Request, ServiceRequestContext) async throws -> Response

/// The context of a request.
struct ServiceRequestContext: RequestContext {
    var coreContext: CoreRequestContextStorage
    /// The `X-Request-Id` of the request if it is valid, otherwise a new id. The answer, every problem and the log
    /// contain it.
    var requestID: String
    /// The connection's client; nil if client certificates are not requested.
    let peer: Peer?
    let channel: any Channel

    init(source: ApplicationRequestContextSource) {
        coreContext = CoreRequestContextStorage(source: source)
        requestID = ""
        peer = Peer.current
        channel = source.channel
    }

    /// A logger whose lines have the request's id. Few requests write a line, so it is made when it is needed.
    var requestLogger: Logger { logger.of(requestID) }
}
