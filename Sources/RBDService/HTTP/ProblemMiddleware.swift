// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

import Ceph
import HTTPTypes
import Hummingbird
import Logging
import NIOCore
import RBDAPI

/// Turns thrown errors into problems, and answers requests for unknown paths and methods.
struct ProblemMiddleware: RouterMiddleware {
    let endpoints: EndpointTable

    func handle(_ request: Request, context: ServiceRequestContext, next: Next) async throws -> Response {
        guard Self.isCanonical(request.uri.path) else {
            // The router matched another route, which does not count.
            context.coreContext.endpointPath.value = nil
            return response(Self.routeNotFound(request), request: request, context: context)
        }
        do {
            return try await next(request, context)
        } catch let error as HTTPError where error.status == .notFound {
            // Handlers throw problems: only the router itself throws this.
            return unrouted(request, context: context)
        } catch {
            return response(Problem(thrown: error, logger: context.requestLogger), request: request, context: context)
        }
    }

    /// Hummingbird ignores empty components of paths: it would take `/v1/pools//images` for a pool named "images".
    private static func isCanonical(_ path: String) -> Bool {
        let bytes = path.utf8
        return path == "/"
            || (bytes.last != slash && !zip(bytes, bytes.dropFirst()).contains { $0 == slash && $1 == slash })
    }

    private static let slash = UInt8(ascii: "/")

    private func unrouted(_ request: Request, context: ServiceRequestContext) -> Response {
        guard let methods = endpoints.methods(of: request.uri.path) else {
            return response(Self.routeNotFound(request), request: request, context: context)
        }
        let allow = methods.map(\.rawValue).joined(separator: ", ")
        if request.method == .options {
            return Response(status: .noContent, headers: [.allow: allow])
        }
        let problem = Problem(
            .methodNotAllowed,
            detail: "\(request.method) is not allowed for this path",
            remedy: .useMethod(allow)
        )
        var response = response(problem, request: request, context: context)
        response.headers[.allow] = allow
        return response
    }

    private static func routeNotFound(_ request: Request) -> Problem {
        Problem(
            .routeNotFound,
            detail: "this path does not exist",
            remedy: .listPaths
        )
    }

    /// After how many seconds a retry makes sense.
    private static func retryAfter(_ code: ProblemCode) -> String? {
        switch code {
        // A full queue empties in a moment. Pools that do not answer are checked every second.
        case .overloaded, .poolUnavailable: "1"
        case .clusterUnavailable: "2"
        // The operator must act.
        case .auditUnavailable: "10"
        // Another create may need time, and the watch of a dead client lasts for 30 seconds.
        case .imageIncomplete: "5"
        case .changeInProgress, .imageChanged: "1"
        default: nil
        }
    }

    private func response(_ problem: Problem, request: Request, context: ServiceRequestContext) -> Response {
        var problem = problem
        problem.instance = context.requestID
        RequestNotes.current?.set(problem)
        var response = Answer.json(problem, status: HTTPResponse.Status(code: problem.status)).response
        response.headers[.contentType] = Problem.contentType
        // RFC 9110, section 11.6.1.
        if problem.status == 401 { response.headers[.wwwAuthenticate] = #"Bearer realm="rbd-rest-api""# }
        response.headers[.retryAfter] = Self.retryAfter(problem.kind)
        // Hummingbird removes the body of a HEAD answer only if a handler returns it, not if it is made from an error.
        return request.method == .head ? response.createHeadResponse() : response
    }
}

extension Problem {
    /// The problem that the caller gets for a thrown error.
    /// - Parameter logger: logs unexpected errors.
    init(thrown error: any Error, logger: Logger) {
        switch error {
        case let problem as Problem:
            self = problem
        case let error as CephError:
            RequestNotes.current?.set(error)
            self.init(error)
        case is CancellationError:
            self.init(.clusterUnavailable, detail: "the service is shutting down")
        case is NIOTooManyBytesError:
            self.init(.bodyTooLarge, detail: "the body is over the limit")
        default:
            logger.error("unexpected error", metadata: [LogKeys.error: "\(String(reflecting: error))"])
            self.init(
                .internalError,
                detail: "the service has failed unexpectedly",
                hint: "the service's log has the error, with this request's id"
            )
        }
    }
}
