// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

import Hummingbird
import HummingbirdCore
import Naming
import RBDAPI

/// A request to an endpoint. The names in its path and its query are decoded once.
struct Call: Sendable {
    let request: Request
    let context: ServiceRequestContext
    let query: Query
    /// The names in the path, and those in the query, by their parameters.
    private(set) var names: [String: String] = [:]
    /// Whether the request only asks what it would do.
    private(set) var isDryRun = false
    /// How long the caller waits for an operation that the request begins; nil if it does not wait.
    private(set) var wait: Duration?
    private let limits: Limits

    /// The maximum that a request may send or ask for.
    struct Limits: Sendable {
        /// The size of the body, in bytes.
        var bodyBytes: Int
        /// The number of items of a page.
        var pageItems: Int
    }

    /// The query parameters that contain names.
    private static let namesInQuery = ["namespace", "imagePool"]

    /// - Throws: `Problem` with `invalid-parameter` if a name in the path can't be decoded.
    init(_ request: Request, _ context: ServiceRequestContext, _ limits: Limits) throws(Problem) {
        self.request = request
        self.context = context
        self.limits = limits
        query = Query(request, largestPage: limits.pageItems)
        // The router passes them on as they were sent.
        for (key, text) in context.parameters {
            let key = String(key)
            guard let name = PercentEncoding.decode(text), !name.isEmpty else {
                throw Query.invalid(key, "this part of the path is not percent-encoded UTF-8")
            }
            if name.unicodeScalars.contains("\0") { throw Query.invalid(key, "it contains a zero byte") }
            names[key] = name
        }
        guard !query.isEmpty else { return }
        for key in Self.namesInQuery where names[key] == nil { names[key] = query[key] }
    }

    /// Replaces names that are out of the caller's scopes.
    mutating func replace(_ substitutes: [String: String]) { names.merge(substitutes) { $1 } }

    /// - Throws: `Problem` with `invalid-parameter`.
    mutating func checkQuery(known: Set<String>) throws(Problem) {
        try query.check(known: known)
        isDryRun = try query.flag("dryRun")
        wait = try query.duration("wait")
    }

    /// - Throws: what `Request.json` throws.
    func body<Body: RBDAPI.RequestBody>(_ type: Body.Type) async throws -> Body {
        try await request.json(type, limit: limits.bodyBytes)
    }

    /// - Throws: what `Request.foreignJSON` throws.
    func foreignBody<Body: Decodable>(_ type: Body.Type) async throws -> Body {
        try await request.foreignJSON(type, limit: limits.bodyBytes)
    }

    /// The name of what the request destroys, as the caller has repeated it; nil if it has not.
    var confirmation: String? { query["confirm"] }

    // MARK: Names

    /// A name in the path; empty if the path has none of that kind.
    func name(_ parameter: String) -> String { names[parameter] ?? "" }

    /// The pool of the path, and the namespace of the path or the query.
    var place: Place { Place(pool: name("pool"), namespace: name("namespace")) }

    /// The image of the path.
    var image: ImageSpec { place.image(name("image")) }

    /// The group of the path.
    var group: GroupSpec { place.group(name("group")) }
}
