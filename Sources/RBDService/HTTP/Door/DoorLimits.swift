// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

import NIOCore

/// What one client may ask of the service before a request reaches a handler.
struct DoorLimits: Hashable, Sendable {
    /// How long a connection may wait for its next request.
    var idleTimeout: TimeAmount
    /// How long the head of a request may take, from its first byte to its last; and how long TLS may take to come about.
    var headerTimeout: TimeAmount
    /// How long the body may take, from the end of the head to its own.
    var bodyTimeout: TimeAmount
    /// How long a client may take nothing of an answer.
    var writeTimeout: TimeAmount = .seconds(30)
    /// How long, and for how many bytes, a connection listens on after its last answer, so that a client that still sends
    /// gets to read it.
    var lingerTimeout: TimeAmount = .seconds(2)
    var lingerBytes = 1 << 20
    /// The head of a request: the request line and each header, all headers, their number.
    var headerBytes = 16 << 10
    var headerCount = 100
    var bodyBytes: Int
    /// How much of an answer the kernel keeps for each connection. It takes twice as much, for its own needs.
    var sendBufferBytes: SocketOptionValue = 256 << 10
}
