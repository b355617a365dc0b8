// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

import Foundation
import HTTPTypes
import Hummingbird
import HummingbirdTesting
import Logging
import Testing

@testable import RBDService

/// Which web pages may use the service from a browser: none, unless their origin is listed.
@Suite(.timeLimit(.minutes(5)))
struct OriginTests {
    private static let listed = "https://console.example.com"

    private func configuration(_ origins: String) throws -> ServiceConfiguration {
        let line = ["cors-allowed-origins": origins, "audit-log": "off"]
        return try ServiceConfiguration(SettingValues(commandLine: line, environment: [:], file: nil))
    }

    /// Returns the headers of an answer that concern browsers.
    private func ask(
        _ path: String,
        _ method: HTTPRequest.Method = .get,
        _ headers: [String: String],
        origins: String = "http://a:8080, \(listed)"
    ) async throws -> (status: Int, headers: [String: String]) {
        let file = FileManager.default.temporaryDirectory.appendingPathComponent("\(UUID()).yaml").path
        try TokenEntry(identity: "known", scopes: ["all:*"], token: AccessToken(), lifetime: nil).add(to: file)
        defer { try? FileManager.default.removeItem(atPath: file) }
        var configuration = try configuration(origins)
        configuration.tokenFile = file
        let service = try RBDService(
            configuration: configuration,
            logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }
        )
        var fields = HTTPFields()
        for (name, value) in headers { fields[try #require(HTTPField.Name(name))] = value }
        let sent = fields
        return try await Application(router: service.buildRouter()).test(.router) { client in
            try await client.execute(uri: path, method: method, headers: sent) { response in
                let found = response.headers.filter { $0.name == .vary || "\($0.name)".contains("ccess-") }
                return (
                    response.status.code, Dictionary(found.map { ("\($0.name)".lowercased(), $0.value) }) { $0 + $1 }
                )
            }
        }
    }

    @Test func noOriginIsLetInUnlessItIsListed() async throws {
        for headers in [[:], ["Origin": Self.listed]] {
            let preflight = headers.merging(["Access-Control-Request-Method": "GET"]) { $1 }
            #expect(try await ask("/livez", .get, headers, origins: "").headers.isEmpty)
            #expect(try await ask("/v1/pools", .options, preflight, origins: "").headers.isEmpty)
        }
        for origin in ["https://example.com", "http://console.example.com", "\(Self.listed):8443", "null", "", "*"] {
            let headers = ["Origin": origin, "Access-Control-Request-Method": "GET"]
            #expect(try await ask("/livez", .get, headers).headers == ["vary": "Origin"], "\(origin)")
            let preflight = try await ask("/v1/pools", .options, headers)
            #expect(preflight.status == 204)
            #expect(preflight.headers == ["vary": "Origin"], "\(origin)")
        }
    }

    @Test(arguments: [("/livez", 200), ("/v1/pools", 401), ("/nothing", 404)])
    func aListedOriginMayReadWhateverIsAnswered(path: String, status: Int) async throws {
        let answer = try await ask(path, .get, ["Origin": Self.listed])
        #expect(answer.status == status)
        #expect(
            answer.headers == [
                "vary": "Origin", "access-control-allow-origin": Self.listed,
                "access-control-expose-headers": "ETag, Location, Retry-After, X-Request-Id",
            ]
        )
    }

    /// A browser sends a form without a preflight request.
    @Test(arguments: [HTTPRequest.Method.post, .put, .patch, .delete])
    func noOtherPageChangesAnything(method: HTTPRequest.Method) async throws {
        let path = method == .post ? "/v1/pools" : "/v1/pools/rbd/images/vol-1"
        for origin in ["https://example.com", "null", ""] {
            #expect(try await ask(path, method, ["Origin": origin]).status == 403, "\(origin)")
            #expect(try await ask("/v1/pools", .get, ["Origin": origin]).status == 401, "\(origin)")
        }
        #expect(try await ask(path, method, ["Origin": Self.listed]).status == 401)
        #expect(try await ask(path, method, [:]).status == 401)
    }

    @Test func aBrowserMayAskBeforehandWithoutAToken() async throws {
        let headers = ["Origin": Self.listed, "Access-Control-Request-Method": "PATCH"]
        let answer = try await ask("/v1/pools/rbd/images/vol-1", .options, headers)
        #expect(answer.status == 204)
        #expect(answer.headers["access-control-allow-origin"] == Self.listed)
        let methods = try #require(answer.headers["access-control-allow-methods"])
        #expect(Set(methods.split(separator: ", ")).isSuperset(of: ["GET", "PUT", "PATCH", "DELETE"]))
        #expect(
            answer.headers["access-control-allow-headers"]
                == "Authorization, Content-Type, If-Match, If-None-Match, X-Request-Id"
        )
        #expect(answer.headers["access-control-max-age"] == "600")
        // Browsers add no credentials to a request by themselves, so the header is not needed.
        #expect(answer.headers["access-control-allow-credentials"] == nil)
        let unknown = try await ask("/nothing", .options, headers)
        #expect(unknown.status == 404)
        #expect(unknown.headers["access-control-allow-methods"] == nil)
        // OPTIONS requests that do not come from a browser are answered as usual.
        #expect(try await ask("/v1/pools", .options, [:]).status == 204)
        #expect(try await ask("/v1/pools", .options, [:]).headers == ["vary": "Origin"])
    }

    @Test(
        arguments: [
            "*", "null", "console.example.com", "https://", "https://a/", "https://a/path", "HTTPS://a", "https://A",
            "https://a:443", "http://a:80", "https://a:0", "https://a:70000", "https://*.example.com", "https://u@a",
            "https://a?b", "ftp://a", "http://a;http://b",
        ]
    )
    func whatNoBrowserSendsIsRefused(origin: String) throws {
        let error = #expect(throws: ConfigurationError.self) { try configuration("https://a, \(origin)") }
        #expect(error?.description.hasPrefix("cors-allowed-origins (command line): ") == true)
    }

    @Test func originsAreSeparatedByCommas() throws {
        let origins = try configuration("https://a.example.com:8443,http://[::1]:3000 , http://127.0.0.1").origins
        #expect(origins == ["https://a.example.com:8443", "http://[::1]:3000", "http://127.0.0.1"])
        #expect(try configuration("").origins.isEmpty)
    }
}
