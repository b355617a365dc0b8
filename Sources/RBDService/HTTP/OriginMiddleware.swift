// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

import HTTPTypes
import Hummingbird

/// Lets the pages of some origins use the service from a browser, and those of no others. It stands before the gate: a browser
/// asks beforehand, and without the caller's token.
///
/// Not Hummingbird's, which takes its origins one by one in the source, and answers for paths that there are not.
struct OriginMiddleware: RouterMiddleware {
    typealias Context = ServiceRequestContext

    let origins: Set<String>

    private static let requestHeaders = "Authorization, Content-Type, If-Match, If-None-Match, X-Request-Id"
    private static let answerHeaders = "ETag, Location, Retry-After, X-Request-Id"
    /// For how many seconds a browser need not ask again.
    private static let patience = "600"

    func handle(
        _ request: Request,
        context: Context,
        next: (Request, Context) async throws -> Response
    ) async throws -> Response {
        var response = try await next(request, context)
        // What one origin is answered is not kept for another.
        response.headers[.vary] = (response.headers[.vary].map { "\($0), " } ?? "") + "Origin"
        guard let origin = request.headers[.origin], origins.contains(origin) else { return response }
        response.headers[.accessControlAllowOrigin] = origin
        response.headers[.accessControlExposeHeaders] = Self.answerHeaders
        // OPTIONS is answered with the methods that there are, and for paths that there are.
        if request.method == .options, request.headers[.accessControlRequestMethod] != nil,
            let methods = response.headers[.allow]
        {
            response.headers[.accessControlAllowMethods] = methods
            response.headers[.accessControlAllowHeaders] = Self.requestHeaders
            response.headers[.accessControlMaxAge] = Self.patience
        }
        return response
    }

    /// Whether a browser would send it as an origin: it has no path, nothing in upper case, and no port that the scheme has anyhow.
    static func isOrigin(_ text: String) -> Bool {
        guard let match = text.wholeMatch(of: /(https?):\/\/(?:[a-z0-9.\-]+|\[[0-9a-f:.]+\])(?::([0-9]{1,5}))?/) else {
            return false
        }
        guard let port = match.2 else { return true }
        return UInt16(port) != nil && port.first != "0" && port != (match.1 == "https" ? "443" : "80")
    }
}
