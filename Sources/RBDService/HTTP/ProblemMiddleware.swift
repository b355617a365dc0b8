// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

import Ceph
import HTTPTypes
import Hummingbird
import Logging
import NIOCore
import RBDAPI

/// Turns whatever was thrown into a problem, and answers for paths and methods that no handler takes.
struct ProblemMiddleware: RouterMiddleware {
    typealias Context = ServiceRequestContext

    let routes: RouteTable

    func handle(
        _ request: Request,
        context: Context,
        next: (Request, Context) async throws -> Response
    ) async throws -> Response {
        guard Self.isCanonical(request.uri.path) else {
            // The router took it for another route.
            context.coreContext.endpointPath.value = nil
            return response(Self.routeNotFound(request), request: request, context: context)
        }
        do {
            return try await next(request, context)
        } catch let error as HTTPError where error.status == .notFound {
            // Handlers throw problems: only the router itself throws this.
            return unrouted(request, context: context)
        } catch {
            return response(Problem(thrown: error, logger: context.logger), request: request, context: context)
        }
    }

    /// Hummingbird matches paths without regard to empty components: `/v1/pools//images` would be a pool named "images".
    private static func isCanonical(_ path: String) -> Bool {
        let bytes = path.utf8
        return path == "/"
            || (bytes.last != slash && !zip(bytes, bytes.dropFirst()).contains { $0 == slash && $1 == slash })
    }

    private static let slash = UInt8(ascii: "/")

    private func unrouted(_ request: Request, context: Context) -> Response {
        guard let methods = routes.methods(of: request.uri.path) else {
            return response(Self.routeNotFound(request), request: request, context: context)
        }
        let allow = methods.map(\.rawValue).joined(separator: ", ")
        if request.method == .options {
            return Response(status: .noContent, headers: [.allow: allow])
        }
        let problem = Problem(
            .methodNotAllowed,
            detail: "\(request.method) is not allowed here",
            remedy: .useMethod(allow)
        )
        var response = response(problem, request: request, context: context)
        response.headers[.allow] = allow
        return response
    }

    private static func routeNotFound(_ request: Request) -> Problem {
        Problem(
            .routeNotFound,
            detail: "there is nothing at this path",
            remedy: .listPaths
        )
    }

    /// Seconds after which it is worth to try again.
    private static func retryAfter(_ code: ProblemCode) -> String? {
        switch code {
        // A full queue drains in a moment. What does not answer is looked at every second.
        case .overloaded, .poolUnavailable: "1"
        case .clusterUnavailable: "2"
        // Somebody has to mend it.
        case .auditUnavailable: "10"
        // A create may take its time elsewhere, and a dead client's watch lasts for half a minute.
        case .imageIncomplete: "5"
        case .changeInProgress, .imageChanged: "1"
        default: nil
        }
    }

    private func response(_ problem: Problem, request: Request, context: Context) -> Response {
        var problem = problem
        problem.instance = context.requestID
        RequestNotes.current?.set(problem)
        var response = Response.json(problem, status: HTTPResponse.Status(code: problem.status))
        response.headers[.contentType] = Problem.contentType
        // RFC 9110, section 11.6.1.
        if problem.status == 401 { response.headers[.wwwAuthenticate] = #"Bearer realm="rbd-rest-api""# }
        response.headers[.retryAfter] = ProblemCode(rawValue: problem.code).flatMap(Self.retryAfter)
        // Hummingbird takes the body from what a handler returns, not from what stands in for what it throws.
        return request.method == .head ? response.createHeadResponse() : response
    }
}

extension Problem {
    /// What the caller is told of whatever was thrown.
    /// - Parameter logger: is told of what nobody has foreseen.
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
                detail: "the service failed in a way that it did not foresee",
                hint: "the service's log has the error, with this request's id"
            )
        }
    }
}
