// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

import Hummingbird
import Logging
import NIOCore

/// What travels with one request.
struct ServiceRequestContext: RequestContext {
    var coreContext: CoreRequestContextStorage
    /// From `X-Request-Id` where that is sane, else made here; it is in the answer, in every problem and in the log.
    var requestID: String
    /// What is known of the connection's other end; nil where nothing was looked for.
    let peer: Peer?
    /// The connection that it came by.
    let channel: any Channel

    init(source: ApplicationRequestContextSource) {
        coreContext = CoreRequestContextStorage(source: source)
        requestID = ""
        peer = Peer.current
        channel = source.channel
    }
}
