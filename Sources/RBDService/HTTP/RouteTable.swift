// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

import HTTPTypes
import Hummingbird

/// A route of the service. The router, the test of the contract and the answer 405 use it.
struct Route: Sendable {
    typealias Handler = @Sendable (Request, ServiceRequestContext) async throws -> Response

    var method: HTTPRequest.Method
    /// With placeholders, as in OpenAPI: `/v1/pools/{pool}`.
    var path: String
    var handler: Handler

    static func get(_ path: String, _ handler: @escaping Handler) -> Route {
        Route(method: .get, path: path, handler: handler)
    }

    static func post(_ path: String, _ handler: @escaping Handler) -> Route {
        Route(method: .post, path: path, handler: handler)
    }

    static func put(_ path: String, _ handler: @escaping Handler) -> Route {
        Route(method: .put, path: path, handler: handler)
    }

    static func patch(_ path: String, _ handler: @escaping Handler) -> Route {
        Route(method: .patch, path: path, handler: handler)
    }

    static func delete(_ path: String, _ handler: @escaping Handler) -> Route {
        Route(method: .delete, path: path, handler: handler)
    }
}

/// The methods of each path. Hummingbird's router knows paths only together with methods: to it, a wrong method looks
/// like a path that does not exist.
struct RouteTable: Sendable {
    private let entries: [(path: [Substring], methods: [HTTPRequest.Method])]

    init(_ routes: [Route]) {
        var entries: [(path: [Substring], methods: [HTTPRequest.Method])] = []
        for route in routes {
            let path = route.path.split(separator: "/")
            if let index = entries.firstIndex(where: { $0.path == path }) {
                entries[index].methods.append(route.method)
            } else {
                entries.append((path, [route.method]))
            }
        }
        self.entries = entries
    }

    /// The methods of the route that matches a path, with HEAD and OPTIONS; nil if no route matches.
    func methods(of path: String) -> [HTTPRequest.Method]? {
        let components = path.split(separator: "/")
        let entry = entries.first { entry in
            entry.path.count == components.count
                && zip(entry.path, components).allSatisfy { $0.hasPrefix("{") || $0 == $1 }
        }
        return entry.map { entry in
            entry.methods + (entry.methods.contains(.get) ? [.head] : []) + [.options]
        }
    }
}
