// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

import Ceph
import Hummingbird
import RBDAPI

/// Who asks.
struct Identity: Hashable, Sendable {
    /// As the log has it.
    var name: String
    /// What he may do; nothing else.
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

/// A way to tell who asks. Another kind of identity is another type of this.
protocol Authenticator: Sendable {
    /// - Parameter peer: what the request's connection tells of who asks; nil where it tells nothing.
    /// - Returns: nil where the request says nothing that this way knows.
    /// - Throws: `Problem` with `unauthenticated` where it says something that is not so.
    func identity(of request: Request, from peer: Peer?) throws(Problem) -> Identity?

    /// Learns what has changed, to be awaited before each ``identity(of:from:)``.
    func refresh() async
}

/// Lets nobody in who is not known, once there is a way to know somebody, and nobody where he has no business.
struct AccessGate: Sendable {
    /// The first that knows something of a request decides.
    let authenticators: [any Authenticator]
    /// Whose pages may change something from a browser.
    let origins: Set<String>
    /// Nobody's requests keep those of others waiting.
    let places = RequestPlaces()

    /// - Returns: who asks; nil where nobody is asked who he is.
    /// - Throws: `Problem` with `unauthenticated`.
    func admit(_ request: Request, from peer: Peer?) async throws(Problem) -> Identity? {
        guard !authenticators.isEmpty else { return nil }
        for authenticator in authenticators {
            await authenticator.refresh()
            if let identity = try authenticator.identity(of: request, from: peer) { return identity }
        }
        throw Problem(
            .unauthenticated,
            detail: "the request does not say who asks",
            field: "Authorization",
            remedy: .authenticate
        )
    }

    /// A browser sends some requests for any page without asking beforehand. Where nobody is asked who he is, or a certificate
    /// says so, such a page would act for its reader.
    private func refuseStrangePages(_ route: Route, _ request: Request) throws(Problem) {
        guard route.method != .get, let origin = request.headers[.origin], !origins.contains(origin) else { return }
        throw Problem(
            .forbidden,
            detail: "the pages of this origin may not change anything",
            field: "Origin",
            hint: "the service's operator can allow the origin: setting cors-allowed-origins"
        )
    }

    /// Has a request answered by its route's handler, as far as who asks may have it.
    /// - Parameter rule: the route's, which is looked up once and not for each request.
    func enter(
        _ route: Route,
        by rule: AccessRule?,
        _ request: Request,
        _ context: ServiceRequestContext
    ) async throws -> Response {
        guard let rule else {
            throw Problem(.forbidden, detail: "nobody may use this path: there is no rule for it")
        }
        if case .everybody = rule { return try await route.handler(request, context) }
        try refuseStrangePages(route, request)
        let identity = try await admit(request, from: context.peer)
        if let identity { RequestNotes.current?.set(identity) }
        var access =
            identity.map { identity in
                Access(identity) { [peer = context.peer] () async throws(Problem) in
                    try await admit(request, from: peer)
                }
            } ?? .unlimited
        try rule.check(&access, request, context)
        try await AuditNotes.current?.begin()
        return try await Access.$current.withValue(access) {
            do {
                return try await places.serve(identity?.name) {
                    try await Caller.$current.withValue(identity?.name) { try await route.handler(request, context) }
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
