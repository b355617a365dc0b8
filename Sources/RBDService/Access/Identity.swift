// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

import Hummingbird
import RBDAPI

/// Who asks.
struct Identity: Hashable, Sendable {
    /// As the log has it.
    var name: String

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

/// A way to tell who asks. Another kind of identity is another type of this.
protocol Authenticator: Sendable {
    /// - Returns: nil where the request says nothing that this way knows.
    /// - Throws: `Problem` with `unauthenticated` where it says something that is not so.
    func identity(of request: Request) throws(Problem) -> Identity?
}

/// Who may use a route.
enum RouteAccess: Sendable {
    /// What tells nothing of anybody's volumes: probes, and the contract.
    case everybody
    /// Whoever is known.
    case identified
}

/// Lets nobody in who is not known, once there is a way to know somebody.
struct AccessGate: Sendable {
    let authenticators: [any Authenticator]

    /// - Returns: who asks; nil where nobody is asked who he is.
    /// - Throws: `Problem` with `unauthenticated`.
    func admit(_ request: Request, to access: RouteAccess) throws(Problem) -> Identity? {
        guard !authenticators.isEmpty, access != .everybody else { return nil }
        for authenticator in authenticators {
            if let identity = try authenticator.identity(of: request) { return identity }
        }
        throw Problem(
            .unauthenticated,
            detail: "the request does not say who asks",
            field: "Authorization",
            hint: "send \"Authorization: Bearer TOKEN\"; rbdctl takes --token-file and RBDCTL_TOKEN"
        )
    }
}
