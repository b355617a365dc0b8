// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

import Foundation
import HTTPTypes
import Hummingbird
import HummingbirdTesting
import Logging
import RBDAPI
import TestSupport
import Testing

@testable import RBDService

/// The service through its router, without a cluster: requests that are refused before Ceph is contacted, and answers
/// while there is no cluster.
@Suite(.timeLimit(.minutes(5)))
struct RouterTests {
    private func withClient(_ body: @escaping @Sendable (any TestClientProtocol) async throws -> Void) async throws {
        let values = try SettingValues(commandLine: ["audit-log": "off"], environment: [:], file: nil)
        let service = try RBDService(
            configuration: try ServiceConfiguration(values),
            logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }
        )
        try await Application(router: service.buildRouter()).test(.router) { try await body($0) }
    }

    private func problem(_ response: TestResponse) throws -> Problem {
        #expect(response.headers[.contentType] == "application/problem+json")
        let problem = try JSONDecoder().decode(Problem.self, from: Data(response.body.readableBytesView))
        #expect(problem.status == response.status.code)
        #expect(problem.type == "/problems/\(problem.code)")
        #expect(problem.instance == response.headers[HTTPField.Name("X-Request-Id")!])
        return problem
    }

    private static let json: HTTPFields = [.contentType: "application/json"]

    @Test func livesWithoutACluster() async throws {
        try await withClient { client in
            try await client.execute(uri: "/livez", method: .get) { response in
                #expect(response.status == .ok)
                #expect(response.headers[.xContentTypeOptions] == "nosniff")
                #expect(response.headers[.cacheControl] == "private, no-cache")
            }
            try await client.execute(uri: "/readyz", method: .get) { response in
                let problem = try problem(response)
                #expect(problem.code == "cluster-unavailable")
                #expect(problem.retryable)
                #expect(response.headers[.retryAfter] != nil)
            }
            try await client.execute(uri: "/v1/pools", method: .get) { response in
                #expect(response.status == .serviceUnavailable)
                let problem = try problem(response)
                #expect(problem.code == "cluster-unavailable")
            }
        }
    }

    @Test func servesTheContract() async throws {
        let file = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .deletingLastPathComponent().appendingPathComponent("openapi.yaml")
        let contract = try Data(contentsOf: file)
        try await withClient { client in
            try await client.execute(uri: "/openapi.yaml", method: .get) { response in
                #expect(response.headers[.contentType] == "application/yaml")
                #expect(Data(response.body.readableBytesView) == contract)
            }
        }
    }

    @Test(arguments: [
        "/", "/v1", "/v2/pools", "/v1/pools/", "/v1/pools//images", "//v1/pools", "/v1/pools/a/b", "/livez/x",
    ])
    func unknownPaths(path: String) async throws {
        try await withClient { client in
            try await client.execute(uri: path, method: .get) { response in
                #expect(response.status == .notFound)
                let problem = try problem(response)
                #expect(problem.code == "route-not-found")
            }
        }
    }

    @Test(
        arguments: [
            ("/livez", "POST", "GET, HEAD, OPTIONS"),
            ("/v1/pools", "DELETE", "GET, POST, HEAD, OPTIONS"),
            ("/v1/pools/rbd", "PUT", "GET, PATCH, DELETE, HEAD, OPTIONS"),
            ("/v1/pools/rbd/images/a%2Fb", "POST", "GET, PUT, PATCH, DELETE, HEAD, OPTIONS"),
            ("/v1/pools/rbd/images", "BREW", "GET, POST, HEAD, OPTIONS"),
        ]
    )
    func wrongMethods(path: String, method: String, allow: String) async throws {
        try await withClient { client in
            try await client.execute(uri: path, method: HTTPRequest.Method(method)!) { response in
                #expect(response.status == .methodNotAllowed)
                #expect(response.headers[.allow] == allow)
                let problem = try problem(response)
                #expect(problem.code == "method-not-allowed")
            }
            try await client.execute(uri: path, method: .options) { response in
                #expect(response.status == .noContent)
                #expect(response.headers[.allow] == allow)
            }
        }
    }

    @Test func headAnswersLikeGet() async throws {
        try await withClient { client in
            try await client.execute(uri: "/livez", method: .head) { response in
                #expect(response.status == .ok)
                #expect(response.body.readableBytes == 0)
            }
        }
    }

    @Test(arguments: [
        ("abc-1.2_X", true), ("", false), ("a b", false), ("a\u{7f}", false),
        (String(repeating: "x", count: 65), false),
    ])
    func requestIDs(id: String, isKept: Bool) async throws {
        let name = try #require(HTTPField.Name("X-Request-Id"))
        try await withClient { client in
            try await client.execute(uri: "/livez", method: .get, headers: [name: id]) { response in
                let answered = try #require(response.headers[name])
                #expect((answered == id) == isKept)
                #expect(RequestIDMiddleware.isSane(answered))
            }
        }
    }

    @Test(
        arguments: [
            ("/v1/pools?limit=0", "limit"),
            ("/v1/pools?limit=10001", "limit"),
            ("/v1/pools?limit=ten", "limit"),
            ("/v1/pools?limit=", "limit"),
            ("/v1/pools?limit=5&limit=6", "limit"),
            ("/v1/pools?cursor=!!", "cursor"),
            ("/v1/pools?cursor=AAAA", "cursor"),
            ("/v1/pools?limti=5", "limti"),
            ("/v1/pools?prefix=%zz", "prefix"),
            ("/v1/pools?prefix=%ff", "prefix"),
            ("/v1/pools?prefix=a%00b", "prefix"),
            ("/v1/pools/rbd?confirm=rbd", "confirm"),
            ("/v1/pools/a%00b", "pool"),
            ("/v1/pools/%ff", "pool"),
            ("/v1/pools/rbd/images/%zz", "image"),
            ("/v1/pools/rbd/images?nampespace=x", "nampespace"),
            ("/v1/pools/rbd/images?namespace=a%00", "namespace"),
        ]
    )
    func badParameters(uri: String, field: String) async throws {
        try await withClient { client in
            try await client.execute(uri: uri, method: .get) { response in
                let problem = try problem(response)
                #expect(problem.code == "invalid-parameter")
                #expect(problem.field == field)
            }
        }
    }

    @Test func headProblemsHaveNoBody() async throws {
        try await withClient { client in
            try await client.execute(uri: "/readyz", method: .head) { response in
                #expect(response.status == .serviceUnavailable)
                #expect(response.body.readableBytes == 0)
            }
        }
    }

    @Test(arguments: ["0", "-1", "1.5", "3601", "soon", "", "99999999999999999999", "5, 6"])
    func badTimeLimits(text: String) async throws {
        let name = try #require(HTTPField.Name("Request-Timeout"))
        try await withClient { client in
            try await client.execute(uri: "/v1/pools", method: .get, headers: [name: text]) { response in
                let problem = try problem(response)
                #expect(problem.code == "invalid-parameter")
                #expect(problem.field == "Request-Timeout")
            }
            try await client.execute(uri: "/livez", method: .get, headers: [name: text]) { #expect($0.status == .ok) }
        }
    }

    @Test(arguments: [
        "/v1/pools/rbd", "/v1/pools/rbd?confirm=", "/v1/pools/rbd?confirm=RBD", "/v1/pools/rbd?confirm=rbd2",
    ])
    func poolsGoOnlyWithTheirName(uri: String) async throws {
        try await withClient { client in
            try await client.execute(uri: uri, method: .delete) { response in
                let problem = try problem(response)
                #expect(problem.code == "confirmation-required")
                #expect(problem.field == "confirm")
                #expect(problem.hint?.contains("?confirm=rbd") == true)
            }
        }
    }

    @Test(
        arguments: [
            (nil, #"{"name":"a","size":1}"#, "unsupported-media-type"),
            ("text/plain", #"{"name":"a","size":1}"#, "unsupported-media-type"),
            ("application/x-www-form-urlencoded", "name=a", "unsupported-media-type"),
            ("application/json", "", "malformed-body"),
            ("application/json", "{", "malformed-body"),
            ("application/json", "[]", "malformed-body"),
            ("application/json", "null", "malformed-body"),
            ("application/json", #"{"name":"a","size":1,"size":2}"#, "malformed-body"),
            ("application/json", #"{"name":"a","size":1,}"#, "malformed-body"),
            ("application/json", #"{"name":"a"}"#, "malformed-body"),
            ("application/json; charset=utf-8", #"{"size":1}"#, "malformed-body"),
            ("application/json", String(repeating: " ", count: 65_537), "body-too-large"),
        ] as [(String?, String, String)]
    )
    func badBodies(contentType: String?, body: String, code: String) async throws {
        let headers: HTTPFields = contentType.map { [.contentType: $0] } ?? [:]
        try await withClient { client in
            let uri = "/v1/pools/rbd/images"
            try await client.execute(uri: uri, method: .post, headers: headers, body: ByteBuffer(string: body)) {
                response in
                let problem = try problem(response)
                #expect(problem.code == code)
            }
        }
    }

    @Test(arguments: BadInput.images)
    func badImages(input: BadInput) async throws {
        try await withClient { client in
            let body = ByteBuffer(string: input.body)
            let uri = "/v1/pools/rbd/images"
            try await client.execute(uri: uri, method: .post, headers: Self.json, body: body) { response in
                let problem = try problem(response)
                #expect(problem.code == input.code)
                #expect(problem.field == input.field)
                #expect(problem.detail.contains(input.field))
            }
        }
    }

    @Test(arguments: BadInput.pools)
    func badPools(input: BadInput) async throws {
        try await withClient { client in
            let body = ByteBuffer(string: input.body)
            try await client.execute(uri: "/v1/pools", method: .post, headers: Self.json, body: body) { response in
                let problem = try problem(response)
                #expect(problem.code == input.code)
                #expect(problem.field == input.field)
            }
        }
    }

    @Test(arguments: ["%2e%2e", "a%2Fb", "a%40b", "a%0Ab", "%20", "vol-%C3%BC", String(repeating: "x", count: 300)])
    func badNamesInThePath(name: String) async throws {
        try await withClient { client in
            let uri = "/v1/pools/rbd/images/\(name)"
            let body = ByteBuffer(string: #"{"size":"1GiB"}"#)
            try await client.execute(uri: uri, method: .put, headers: Self.json, body: body) { response in
                let problem = try problem(response)
                #expect(problem.code == "invalid-name")
                #expect(problem.field == "image")
            }
        }
    }
}
