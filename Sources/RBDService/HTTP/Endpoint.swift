// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

import HTTPTypes
import Hummingbird
import RBDAPI

/// All that the service knows about one method of one path. The router, the gate, the audit log, the answer 405 and the
/// tests of the documentation use it.
struct Endpoint: Sendable {
    typealias Handler = @Sendable (Call) async throws -> Answer

    let method: HTTPRequest.Method
    /// With placeholders, as in OpenAPI: `/v1/pools/{pool}`.
    let path: String
    /// What a caller needs to use the endpoint.
    let rule: AccessRule
    /// The query parameters. Requests with others are refused. Nil if the query is ignored.
    let parameters: Set<String>?
    /// The fields of the JSON body; nil if there is no body, or if others define its format.
    let fields: [String]?
    /// The maximum size of a body, in bytes; nil for the limit of the configuration.
    let bodyLimit: Int?
    /// Whether its requests, unless they are dry runs, have a line in the audit log. Refused requests always have one.
    let isAudited: Bool
    var handler: Handler

    /// - Parameters:
    ///   - query: the query parameters, except `dryRun` and those that the rule reads; nil to ignore the query.
    ///   - bodyLimit: in bytes; nil for the limit of the configuration.
    ///   - isAudited: nil if it follows from the method.
    init(
        _ method: HTTPRequest.Method,
        _ path: String,
        _ rule: AccessRule,
        query: Set<String>? = [],
        bodyLimit: Int? = nil,
        isAudited: Bool? = nil,
        _ handler: @escaping Handler
    ) {
        (self.method, self.path, self.rule) = (method, path, rule)
        parameters = query.map { Self.parameters($0, method, rule) }
        fields = nil
        self.bodyLimit = bodyLimit
        self.isAudited = isAudited ?? (method != .get)
        self.handler = handler
    }

    /// An endpoint with a JSON body.
    /// - Parameter query: the query parameters, except `dryRun` and those that the rule reads.
    init<Body: RBDAPI.RequestBody>(
        _ method: HTTPRequest.Method,
        _ path: String,
        _ rule: AccessRule,
        query: Set<String> = [],
        body: Body.Type,
        _ handler: @escaping @Sendable (Call, Body) async throws -> Answer
    ) {
        (self.method, self.path, self.rule) = (method, path, rule)
        parameters = Self.parameters(query, method, rule)
        fields = Body.fieldNames
        bodyLimit = nil
        isAudited = true
        self.handler = { call in try await handler(call, try await call.body(Body.self)) }
    }

    /// Every change can be a dry run.
    private static func parameters(
        _ query: Set<String>,
        _ method: HTTPRequest.Method,
        _ rule: AccessRule
    ) -> Set<String> {
        let known = query.union(rule.parameters)
        return method == .get ? known : known.union(["dryRun"])
    }

    /// The query parameters that lines of the audit log contain. Others are refused, and may contain a secret that was
    /// put in the wrong place.
    var auditedParameters: Set<String> { isAudited ? (parameters ?? []).subtracting(["dryRun"]) : rule.parameters }

    /// False if none of its requests has a line in the audit log: everybody may send them, and they change nothing.
    var canBeAudited: Bool { method != .get || rule.verb != nil }

    /// Answers a request whose caller is allowed to send it.
    /// - Throws: `Problem` with `invalid-parameter`; what the handler throws.
    func answer(_ call: Call) async throws -> Response {
        var call = call
        if let parameters { try call.checkQuery(known: parameters) }
        return try await handler(call).response
    }
}
