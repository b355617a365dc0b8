// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

import Hummingbird
import RBDAPI

/// An authenticated caller.
struct Identity: Hashable, Sendable {
    /// The name in logs.
    var name: String
    /// Everything that the caller may do.
    var scopes: [Scope] = []

    static func isValid(_ name: String) -> Bool {
        (1...128).contains(name.utf8.count)
            && name.utf8.allSatisfy { byte in
                switch UnicodeScalar(byte) {
                case "a"..."z", "A"..."Z", "0"..."9", ".", "_", "-", "@": true
                default: false
                }
            }
    }
}

/// A way to authenticate callers. Each way is a type that conforms to this.
protocol Authenticator: Sendable {
    /// - Parameter peer: the client certificate of the request's connection; nil if client certificates are not
    ///   requested.
    /// - Returns: nil if the request has no credentials of this kind.
    /// - Throws: `Problem` with `unauthenticated` if the credentials are not valid.
    func identity(of request: Request, from peer: Peer?) throws(Problem) -> Identity?

    /// Loads changed credentials. Must be awaited before each ``identity(of:from:)``.
    func refresh() async
}
