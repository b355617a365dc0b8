// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

import FoundationEssentials
import Hummingbird
import RBDAPI

/// Authenticates callers by the client certificates of their connections.
struct CertificateAuthenticator: Authenticator {
    let identities: WatchedFiles<TokenFile>

    func refresh() async { await identities.refresh() }

    func identity(of request: Request, from peer: Peer?) throws(Problem) -> Identity? {
        guard let certificate = peer?.certificate else { return nil }
        guard certificate.expires > .now else { throw Self.refusal("the client's certificate has expired") }
        let known = identities.current().certificates
        var found: Identity?
        for identity in certificate.names.compactMap({ known[$0] }) {
            // An identity may have several entries with different scopes. If the names match more than one, it is
            // unclear which applies.
            guard found == nil || found == identity else {
                throw Self.refusal("the names in the client's certificate belong to more than one identity")
            }
            found = identity
        }
        guard let found else {
            let names = certificate.names.map(\.description).joined(separator: ", ")
            throw Self.refusal("the client's certificate belongs to no known identity; its names are: \(names)")
        }
        return found
    }

    private static func refusal(_ detail: String) -> Problem {
        Problem(
            .unauthenticated,
            detail: detail,
            hint: "use a token, or ask the service's operator to add the certificate to an identity in the token file"
        )
    }
}
