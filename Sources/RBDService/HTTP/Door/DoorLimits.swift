// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

import NIOCore

/// The limits that apply to a connection before a request reaches a handler.
struct DoorLimits: Hashable, Sendable {
    /// How long a connection may wait for its next request.
    var idleTimeout: TimeAmount
    /// How long the head of a request may take, from its first byte to its last; and how long the TLS handshake may
    /// take.
    var headerTimeout: TimeAmount
    /// How long the body may take, from the end of the head to the end of the body.
    var bodyTimeout: TimeAmount
    /// How long a client may take none of an answer.
    var writeTimeout: TimeAmount = .seconds(30)
    /// How long a connection stays open after its last answer, and how many bytes it discards. So a client that is
    /// still sending can read the answer.
    var lingerTimeout: TimeAmount = .seconds(2)
    var lingerBytes = 1 << 20
    /// The limits of a request's head: the request line and each header, all headers together, and their number.
    var headerBytes = 16 << 10
    var headerCount = 100
    var bodyBytes: Int
    /// How much of an answer the kernel buffers for each connection. It uses twice as much, for its own needs.
    var sendBufferBytes: SocketOptionValue = 256 << 10
}
