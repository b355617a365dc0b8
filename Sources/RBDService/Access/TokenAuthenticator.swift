// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

import Crypto
import FoundationEssentials
import HTTPTypes
import Hummingbird
import RBDAPI

/// Authenticates callers by their bearer tokens (RFC 6750).
struct TokenAuthenticator: Authenticator {
    private static let scheme = "bearer "

    let identities: WatchedFiles<TokenFile>

    func refresh() async { await identities.refresh() }

    func identity(of request: Request, from peer: Peer?) throws(Problem) -> Identity? {
        guard let header = request.headers[.authorization] else { return nil }
        guard header.utf8.count > Self.scheme.utf8.count, header.prefix(Self.scheme.count).lowercased() == Self.scheme
        else {
            throw Self.refusal("the Authorization header has a scheme other than Bearer")
        }
        let digest = AccessToken(header.dropFirst(Self.scheme.count).drop { $0 == " " }).digest
        guard let found = identities.current().token(with: digest) else { throw Self.refusal("the token is not known") }
        if let expires = found.expires, expires <= .now { throw Self.refusal("the token has expired") }
        return found.identity
    }

    private static func refusal(_ detail: String) -> Problem {
        Problem(
            .unauthenticated,
            detail: detail,
            field: "Authorization",
            hint: "ask the service's operator for a new token: rbd-rest-api token new makes one"
        )
    }
}
