// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

import HTTPTypes
import Hummingbird

/// Allows pages of the configured origins to use the service from a browser (CORS). It comes before authentication,
/// because browsers send preflight requests without the caller's token.
///
/// Hummingbird's own middleware takes its origins one by one in the source, and answers for paths that do not exist.
struct OriginMiddleware: RouterMiddleware {
    let origins: Set<String>

    private static let requestHeaders = "Authorization, Content-Type, If-Match, If-None-Match, X-Request-Id"
    private static let answerHeaders = "ETag, Location, Retry-After, X-Request-Id"
    /// How long a browser may cache the answer to a preflight request, in seconds.
    private static let patience = "600"

    func handle(_ request: Request, context: ServiceRequestContext, next: Next) async throws -> Response {
        var response = try await next(request, context)
        // An answer for one origin must not be cached for another.
        response.headers[.vary] = (response.headers[.vary].map { "\($0), " } ?? "") + "Origin"
        guard let origin = request.headers[.origin], origins.contains(origin) else { return response }
        response.headers[.accessControlAllowOrigin] = origin
        response.headers[.accessControlExposeHeaders] = Self.answerHeaders
        // OPTIONS is answered for existing paths, with the methods that they have.
        if request.method == .options, request.headers[.accessControlRequestMethod] != nil,
            let methods = response.headers[.allow]
        {
            response.headers[.accessControlAllowMethods] = methods
            response.headers[.accessControlAllowHeaders] = Self.requestHeaders
            response.headers[.accessControlMaxAge] = Self.patience
        }
        return response
    }

    /// Whether the text has the form in which browsers send origins: no path, no upper case, and not the scheme's
    /// default port.
    static func isOrigin(_ text: String) -> Bool {
        guard let match = text.wholeMatch(of: /(https?):\/\/(?:[a-z0-9.\-]+|\[[0-9a-f:.]+\])(?::([0-9]{1,5}))?/) else {
            return false
        }
        guard let port = match.2 else { return true }
        return UInt16(port) != nil && port.first != "0" && port != (match.1 == "https" ? "443" : "80")
    }
}
