// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

import Ceph
import Foundation
import HTTPTypes
import Hummingbird
import HummingbirdTesting
import Logging
import RBDAPI
import TestSupport
import Testing

@testable import RBDService

/// Authentication: which callers are let in. What the routes do then is tested with a cluster.
@Suite(.timeLimit(.minutes(5)))
struct TokenTests {
    /// A token file that only its owner can read, removed with its object.
    final class File: Sendable {
        let path = FileManager.default.temporaryDirectory.appendingPathComponent("\(UUID()).yaml").path

        init(_ text: String = "") throws {
            try write(text)
        }

        deinit {
            try? FileManager.default.removeItem(atPath: path)
        }

        func write(_ text: String) throws {
            // Replaces the file as careful tools do: by a rename of another file.
            let other = "\(path).new"
            try Data(text.utf8).write(to: URL(fileURLWithPath: other))
            try FileManager.default.setAttributes([.posixPermissions: 0o600], ofItemAtPath: other)
            #expect(rename(other, path) == 0)
        }
    }

    private func service(_ file: File) throws -> RBDService {
        let values = try SettingValues(
            commandLine: ["token-file": file.path, "audit-log": "off"],
            environment: [:],
            file: nil
        )
        return try RBDService(
            configuration: try ServiceConfiguration(values),
            logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }
        )
    }

    private func request(_ header: String?) -> Request {
        var headers = HTTPFields()
        headers[.authorization] = header
        let head = HTTPRequest(method: .get, scheme: nil, authority: "here", path: "/v1/pools", headerFields: headers)
        return Request(head: head, body: RequestBody(buffer: ByteBuffer()))
    }

    // MARK: Routes

    @Test func everyRouteButTheProbesAndTheContractAsksWhoAsks() async throws {
        let (token, expired) = (AccessToken(), AccessToken())
        let file = try File()
        try TokenEntry(identity: "known", scopes: ["all:*"], token: token, lifetime: nil).add(to: file.path)
        try TokenEntry(identity: "known", scopes: [], token: expired, lifetime: "1s", now: .now - 60).add(to: file.path)
        let service = try service(file)
        let open: Set<String> = ["/livez", "/readyz", "/openapi.yaml"]
        #expect(
            Set(service.endpoints.filter { if case .everybody = $0.rule { true } else { false } }.map(\.path)) == open
        )
        #expect(service.endpoints.count > 50)
        try await Application(router: service.buildRouter()).test(.router) { client in
            for route in service.endpoints {
                let path = route.path.replacing(/\{[a-z]+\}/, with: "x")
                for (header, detail) in [
                    (nil, "the request has no credentials"),
                    ("Bearer \(AccessToken().text)", "the token is not known"),
                    ("Bearer \(expired.text)", "the token has expired"),
                    ("Basic a25vd246c2VjcmV0", "the Authorization header has a scheme other than Bearer"),
                    ("Bearer", "the Authorization header has a scheme other than Bearer"),
                    ("Bearer \(token.text)x", "the token is not known"),
                    ("Bearer \(token.sha256)", "the token is not known"),
                ] {
                    var headers = HTTPFields()
                    headers[.authorization] = header
                    try await client.execute(uri: path, method: route.method, headers: headers) { response in
                        if open.contains(route.path) {
                            #expect(response.status != .unauthorized)
                            return
                        }
                        #expect(response.status == .unauthorized, "\(route.method) \(route.path), \(header ?? "none")")
                        let problem = try JSONDecoder().decode(
                            Problem.self,
                            from: Data(response.body.readableBytesView)
                        )
                        #expect(problem.code == "unauthenticated")
                        #expect(problem.detail == detail)
                        #expect(response.headers[.wwwAuthenticate] == #"Bearer realm="rbd-rest-api""#)
                    }
                }
                for scheme in ["Bearer", "bearer", "BEARER "] {
                    let headers: HTTPFields = [.authorization: "\(scheme) \(token.text)"]
                    try await client.execute(uri: path, method: route.method, headers: headers) { response in
                        #expect(response.status != .unauthorized, "\(route.method) \(route.path)")
                    }
                }
            }
        }
    }

    // MARK: Tokens

    @Test func noTwoTokensAreAlike() {
        let tokens = Set((0..<1000).map { _ in AccessToken().text })
        #expect(tokens.count == 1000)
        // The random part has 32 bytes in base64url.
        #expect(tokens.allSatisfy { $0.wholeMatch(of: /rbd_[A-Za-z0-9_-]{43}/) != nil })
    }

    @Test func theFileIsReadAgainWhenItChanges() async throws {
        let (old, new) = (AccessToken(), AccessToken())
        func file(_ tokens: (String, AccessToken)...) throws -> String {
            try tokens.reduce("identities:\n") { text, token in
                text + (try TokenEntry(identity: token.0, scopes: ["all:*"], token: token.1, lifetime: nil).lines)
            }
        }
        let kept = try File(try file(("one", old)))
        let authenticator = TokenAuthenticator(
            identities: try TokenFile.watched(path: kept.path, logger: Logger(label: "test"))
        )
        func identity(_ token: AccessToken) -> String? {
            (try? authenticator.identity(of: request("Bearer \(token.text)"), from: nil))?.name
        }
        #expect(identity(old) == "one")
        #expect(identity(new) == nil)
        // During a rotation, both tokens are valid.
        try kept.write(try file(("one", old), ("one", new)))
        while identity(new) == nil { try await Task.sleep(for: .milliseconds(50)) }
        #expect(identity(old) == "one")
        // An invalid file changes nothing.
        for text in ["identities: [", try file(("one", new), ("two", new))] {
            try kept.write(text)
            try await Task.sleep(for: .milliseconds(1100))
            #expect(identity(new) == "one" && identity(old) == "one")
        }
        try kept.write(try file(("two", new)))
        while identity(new) == "one" { try await Task.sleep(for: .milliseconds(50)) }
        #expect(identity(new) == "two")
        #expect(identity(old) == nil)
        // Nor does a file that is missing for a moment.
        try FileManager.default.removeItem(atPath: kept.path)
        try await Task.sleep(for: .milliseconds(1100))
        #expect(identity(new) == "two")
    }

    @Test(
        arguments: [
            ("[]", "line 1: this must be a mapping with identities"),
            ("tokens: []", "line 1: \"tokens\" is not a known key; known keys are identities"),
            ("identities: 1", "line 1: identities must be a list"),
            ("identities:\n- tokens: []", "line 2: an identity needs a name"),
            ("identities:\n- name: a b", "line 2: an identity needs a name"),
            (
                "identities:\n- name: a\n  scope: all",
                "line 3: \"scope\" is not a known key; known keys are certificates, name, scopes, tokens"
            ),
            ("identities:\n- name: a\n  scopes: all", "line 3: scopes must be a list"),
            (
                "identities:\n- name: a\n  scopes:\n  - all:*\n  - look:*",
                "line 5: \"look:*\" is not a scope: there is no verb"
            ),
            ("identities:\n- name: a\n  tokens:\n  - sha256: abc", "line 4: a token needs sha256"),
            (
                "identities:\n- name: a\n  tokens:\n  - sha256: DIGEST\n    expires: soon",
                "line 5: expires must be a time"
            ),
            (
                "identities:\n- name: a\n  tokens: [{sha256: DIGEST}]\n- name: b\n  tokens: [{sha256: DIGEST}]",
                "a and b have the same token"
            ),
        ]
    )
    func whatIsWrongInTheFileIsNamed(text: String, sentence: String) throws {
        let text = text.replacing("DIGEST", with: String(repeating: "0f", count: 32))
        let error = #expect(throws: ConfigurationError.self) { try TokenFile(text: text) }
        #expect(error?.description.hasPrefix(sentence) == true, "\(error?.description ?? "")")
    }

    @Test(arguments: [0o604, 0o620, 0o602, 0o644, 0o666])
    func aFileThatOthersCanReadOrWriteIsRefused(mode: Int) throws {
        let file = try File("identities:\n")
        try FileManager.default.setAttributes([.posixPermissions: mode], ofItemAtPath: file.path)
        let error = #expect(throws: ConfigurationError.self) { try TokenFile(path: file.path) }
        #expect(error?.description.contains("run chmod 0600 \(file.path)") == true)
    }

    @Test func aKeyringThatOthersCanReadIsRefused() throws {
        let file = try File()
        func configuration() throws -> ServiceConfiguration {
            try ServiceConfiguration(
                SettingValues(commandLine: ["ceph-keyring": file.path], environment: [:], file: nil)
            )
        }
        #expect(try configuration().cluster.keyring == file.path)
        try FileManager.default.setAttributes([.posixPermissions: 0o644], ofItemAtPath: file.path)
        let error = #expect(throws: ConfigurationError.self) { try configuration() }
        #expect(error?.description.contains("run chmod 0600 \(file.path)") == true)
    }

    // MARK: Safe by default

    @Test(arguments: ["0.0.0.0", "::", "192.0.2.1", "example.org", "2001:db8::1", "128.0.0.1"])
    func nobodyElseIsServedUnlessSomebodyIsAsked(host: String) throws {
        func configuration(_ more: [String: String]) throws -> ServiceConfiguration {
            let line = ["host": host].merging(more) { $1 }
            return try ServiceConfiguration(SettingValues(commandLine: line, environment: [:], file: nil))
        }
        let error = #expect(throws: ConfigurationError.self) { try configuration([:]) }
        #expect(error?.description.contains("token-file") == true)
        #expect(error?.description.contains("allow-anonymous") == true)
        #expect(try configuration(["allow-anonymous": "true"]).allowsAnonymous)
        #expect(try configuration(["token-file": "/nowhere"]).tokenFile == "/nowhere")
        #expect(throws: ConfigurationError.self) { try configuration(["allow-anonymous": "yes"]) }
    }

    @Test(arguments: ["127.0.0.1", "127.9.9.9", "::1", "localhost"])
    func itsOwnMachineIsServed(host: String) throws {
        let values = try SettingValues(commandLine: ["host": host], environment: [:], file: nil)
        #expect(try ServiceConfiguration(values).host == host)
    }
}
