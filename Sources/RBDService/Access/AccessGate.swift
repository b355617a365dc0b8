// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

import Ceph
import HTTPTypes
import Hummingbird
import RBDAPI

/// Authenticates and authorizes each request. Without authenticators, every request is admitted.
struct AccessGate: Sendable {
    /// The first authenticator that finds credentials in a request decides.
    let authenticators: [any Authenticator]
    /// The origins whose pages may change something from a browser.
    let origins: Set<String>
    /// Keeps one identity's requests from delaying those of others.
    let places = RequestPlaces()

    /// - Returns: the caller; nil if callers are not authenticated.
    /// - Throws: `Problem` with `unauthenticated`.
    func admit(_ request: Request, from peer: Peer?) async throws(Problem) -> Identity? {
        guard !authenticators.isEmpty else { return nil }
        for authenticator in authenticators {
            await authenticator.refresh()
            if let identity = try authenticator.identity(of: request, from: peer) { return identity }
        }
        throw Problem(
            .unauthenticated,
            detail: "the request has no credentials",
            field: "Authorization",
            remedy: .authenticate
        )
    }

    /// Browsers send some requests for any page without a preflight request. If callers are not authenticated, or are
    /// authenticated by certificate, such a page would act in the name of its reader.
    private func refuseStrangePages(_ endpoint: Endpoint, _ request: Request) throws(Problem) {
        guard endpoint.method != .get, let origin = request.headers[.origin], !origins.contains(origin) else { return }
        throw Problem(
            .forbidden,
            detail: "the pages of this origin may not change anything",
            field: "Origin",
            hint: "the service's operator can allow the origin: setting cors-allowed-origins"
        )
    }

    /// Answers a request if its caller is allowed to send it.
    func enter(
        _ endpoint: Endpoint,
        _ request: Request,
        _ context: ServiceRequestContext,
        _ limits: Call.Limits
    ) async throws -> Response {
        try refuseStrangePages(endpoint, request)
        let identity = try await admit(request, from: context.peer)
        if let identity { RequestNotes.current?.set(identity) }
        var access =
            identity.map { identity in
                Access(identity) { [peer = context.peer] () async throws(Problem) in
                    try await admit(request, from: peer)
                }
            } ?? .unlimited
        var call = try Call(request, context, limits)
        try endpoint.rule.check(&access, call)
        call.replace(access.substitutes)
        try await AuditNotes.current?.begin()
        return try await Access.$current.withValue(access) { [call] in
            do {
                return try await places.serve(identity?.name) {
                    try await Caller.$current.withValue(identity?.name) { try await endpoint.answer(call) }
                }
            } catch let problem as Problem {
                if access.veil.isDown { RequestNotes.current?.refuse() }
                throw problem.seen()
            } catch let error as CephError where !access.isUnlimited {
                if access.veil.isDown { RequestNotes.current?.refuse() }
                RequestNotes.current?.set(error)
                throw Problem(error).seen()
            }
        }
    }
}
