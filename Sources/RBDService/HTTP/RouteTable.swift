// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

import HTTPTypes
import Hummingbird

/// A route of the service. The router, the gate, the audit log and the answer 405 use it.
struct Route: Sendable {
    typealias Handler = @Sendable (Request, ServiceRequestContext) async throws -> Response

    var method: HTTPRequest.Method
    /// With placeholders, as in OpenAPI: `/v1/pools/{pool}`.
    var path: String
    /// What a caller needs to use the route.
    var rule: AccessRule
    var handler: Handler

    static func get(_ path: String, _ rule: AccessRule, _ handler: @escaping Handler) -> Route {
        Route(method: .get, path: path, rule: rule, handler: handler)
    }

    static func post(_ path: String, _ rule: AccessRule, _ handler: @escaping Handler) -> Route {
        Route(method: .post, path: path, rule: rule, handler: handler)
    }

    static func put(_ path: String, _ rule: AccessRule, _ handler: @escaping Handler) -> Route {
        Route(method: .put, path: path, rule: rule, handler: handler)
    }

    static func patch(_ path: String, _ rule: AccessRule, _ handler: @escaping Handler) -> Route {
        Route(method: .patch, path: path, rule: rule, handler: handler)
    }

    static func delete(_ path: String, _ rule: AccessRule, _ handler: @escaping Handler) -> Route {
        Route(method: .delete, path: path, rule: rule, handler: handler)
    }
}

/// The routes of each path. Hummingbird's router knows paths only together with methods: to it, a wrong method looks
/// like a path that does not exist.
struct RouteTable: Sendable {
    private let routes: [String: [Route]]
    private let paths: [(components: [Substring], path: String)]

    init(_ routes: [Route]) {
        self.routes = Dictionary(grouping: routes, by: \.path)
        paths = self.routes.keys.sorted().map { ($0.split(separator: "/"), $0) }
    }

    /// - Parameter path: with placeholders.
    func route(_ method: HTTPRequest.Method, _ path: String) -> Route? {
        let method = method == .head ? .get : method
        return routes[path]?.first { $0.method == method }
    }

    /// The methods of the route that matches a path, with HEAD and OPTIONS; nil if no route matches.
    func methods(of path: String) -> [HTTPRequest.Method]? {
        let components = path.split(separator: "/")
        let match = paths.first { template in
            template.components.count == components.count
                && zip(template.components, components).allSatisfy { $0.hasPrefix("{") || $0 == $1 }
        }
        let methods = match.flatMap { routes[$0.path] }?.map(\.method)
        return methods.map { $0 + ($0.contains(.get) ? [.head] : []) + [.options] }
    }
}
