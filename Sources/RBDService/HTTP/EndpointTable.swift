// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

import HTTPTypes

/// The endpoints of each path. Hummingbird's router knows paths only together with methods: to it, a wrong method looks
/// like a path that does not exist.
struct EndpointTable: Sendable {
    private let endpoints: [String: [Endpoint]]
    private let paths: [(components: [Substring], path: String)]

    init(_ endpoints: [Endpoint]) {
        self.endpoints = Dictionary(grouping: endpoints, by: \.path)
        paths = self.endpoints.keys.sorted().map { ($0.split(separator: "/"), $0) }
    }

    /// - Parameter path: with placeholders.
    func endpoint(_ method: HTTPRequest.Method, _ path: String) -> Endpoint? {
        let method = method == .head ? .get : method
        return endpoints[path]?.first { $0.method == method }
    }

    /// The methods of the path that matches, with HEAD and OPTIONS; nil if none matches.
    /// - Parameter path: of a request.
    func methods(of path: String) -> [HTTPRequest.Method]? {
        let components = path.split(separator: "/")
        let match = paths.first { template in
            template.components.count == components.count
                && zip(template.components, components).allSatisfy { $0.hasPrefix("{") || $0 == $1 }
        }
        let methods = match.flatMap { endpoints[$0.path] }?.map(\.method)
        return methods.map { $0 + ($0.contains(.get) ? [.head] : []) + [.options] }
    }
}
