// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

import Ceph
import HTTPTypes
import Hummingbird
import RBDAPI

/// Sets the deadline of every request. Calls to Ceph are abandoned then. A caller may ask for less time than the
/// service's own limit, but not for more.
struct DeadlineMiddleware: RouterMiddleware {
    let timeout: Duration

    /// The paths whose requests may set their own timeout.
    private static let paths = ["/v1/", "/kubernetes/"]
    /// The values that a caller may ask for, in seconds.
    static let range = 1...3600

    func handle(_ request: Request, context: ServiceRequestContext, next: Next) async throws -> Response {
        let timeout = min(timeout, try Self.requested(request) ?? timeout)
        return try await Deadline.$current.withValue(.now + timeout) {
            try await next(request, context)
        }
    }

    /// - Throws: `Problem` with `invalid-parameter`.
    private static func requested(_ request: Request) throws(Problem) -> Duration? {
        // The probes and the OpenAPI document wait for nothing.
        guard Self.paths.contains(where: request.uri.path.hasPrefix), let text = request.headers[.requestTimeout] else {
            return nil
        }
        guard text.utf8.allSatisfy({ (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) }), let seconds = Int(text),
            range.contains(seconds)
        else {
            throw Problem(
                .invalidParameter,
                detail:
                    "Request-Timeout: it must be a whole number of seconds from \(range.lowerBound) to \(range.upperBound)",
                field: "Request-Timeout"
            )
        }
        return .seconds(seconds)
    }
}

extension HTTPField.Name {
    static let requestTimeout = HTTPField.Name("Request-Timeout")!
}
