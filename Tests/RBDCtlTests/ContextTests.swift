// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

import Foundation
import Naming
import Testing

@testable import rbdctl

struct ContextTests {
    /// A folder with a contexts file, removed with its object.
    private final class Place: Sendable {
        let folder = FileManager.default.temporaryDirectory.appendingPathComponent("\(UUID())").path
        var path: String { "\(folder)/rbdctl/contexts.yaml" }

        deinit {
            try? FileManager.default.removeItem(atPath: folder)
        }

        func environment(_ more: [String: String] = [:]) -> (String) -> String? {
            { [folder] name in name == "XDG_CONFIG_HOME" ? folder : more[name] }
        }

        func write(_ text: String, mode: Int = 0o600) throws {
            let parent = URL(fileURLWithPath: path).deletingLastPathComponent()
            try FileManager.default.createDirectory(at: parent, withIntermediateDirectories: true)
            try Data(text.utf8).write(to: URL(fileURLWithPath: path))
            try FileManager.default.setAttributes([.posixPermissions: mode], ofItemAtPath: path)
        }

        func mode(_ path: String) throws -> Int? {
            try FileManager.default.attributesOfItem(atPath: path)[.posixPermissions] as? Int
        }
    }

    private func settings(
        _ line: String,
        _ place: Place,
        _ environment: [String: String] = [:]
    ) throws -> ConnectionSettings {
        let words = ["pool", "list"] + line.split(separator: " ").map(String.init)
        let connection = try #require(Rbdctl.command(for: words) as? PoolList).options.connection
        let environment = place.environment(environment)
        return try connection.settings(connection.chosenContext(environment: environment), environment: environment)
    }

    private static let text = """
        current: one
        contexts:
          one:
            server: https://one
            token: first
          two:
            server: https://two
            tokenFile: FOLDER/two.token

        """

    private func place() throws -> Place {
        let place = Place()
        try place.write(Self.text.replacing("FOLDER", with: place.folder))
        try Data("second\n".utf8).write(to: URL(fileURLWithPath: "\(place.folder)/two.token"))
        return place
    }

    // MARK: Precedence

    @Test func withoutAFileThereIsNone() throws {
        let place = Place()
        #expect(try settings("", place).server.description == "http://127.0.0.1:8080")
        #expect(try settings("", place).token == nil)
        #expect(throws: Failure.self) { _ = try settings("--context one", place) }
    }

    @Test func theCurrentOneIsGoneBy() throws {
        let place = try place()
        #expect(try settings("", place).server.description == "https://one")
        #expect(try settings("", place).token == "first")
        // The environment overrides the context.
        #expect(try settings("", place, ["RBDCTL_TOKEN": "t"]).token == "t")
        #expect(try settings("", place, ["RBDCTL_TOKEN": "t"]).server.description == "https://one")
        let file = "\(place.folder)/two.token"
        #expect(try settings("--token-file \(file)", place, ["RBDCTL_TOKEN": "t"]).token == "second")
    }

    /// A context's token is only sent to the context's server.
    @Test func anotherServerIsNotShownItsToken() throws {
        let place = try place()
        #expect(try settings("--server https://other", place).token == nil)
        #expect(try settings("", place, ["RBDCTL_SERVER": "https://other"]).token == nil)
        #expect(try settings("--server https://other", place, ["RBDCTL_TOKEN": "t"]).token == "t")
    }

    @Test func theOneThatIsNamedSetsTheEnvironmentAside() throws {
        let place = try place()
        let environment = [
            "RBDCTL_SERVER": "https://other", "RBDCTL_TOKEN": "t", "RBDCTL_CLIENT_CERTIFICATE": "/dev/null",
            "RBDCTL_CLIENT_KEY": "/dev/null",
        ]
        let named = try settings("--context two", place, environment)
        #expect(named.server.description == "https://two")
        #expect(named.token == "second")
        #expect(named.certificate == nil)
        #expect(try settings("--context two --server https://x", place).server.description == "https://x")
    }

    @Test func aCertificateGoesWithItsKey() throws {
        let place = try place()
        let environment = ["RBDCTL_CLIENT_CERTIFICATE": "/dev/null", "RBDCTL_CLIENT_KEY": "/dev/null"]
        #expect(try settings("", place, environment).certificate?.file == "/dev/null")
        for line in ["--client-certificate /dev/null", "--client-key /dev/null"] {
            let error = #expect(throws: (any Error).self) { _ = try settings(line, place) }
            #expect(Rbdctl.ending(of: try #require(error)).errors.contains("a client certificate needs its key"))
        }
    }

    // MARK: The file

    @Test func theFileIsFoundWhereItBelongs() {
        #expect(ContextsFile.path { ["HOME": "/h"][$0] } == "/h/.config/rbdctl/contexts.yaml")
        #expect(
            ContextsFile.path { ["HOME": "/h", "XDG_CONFIG_HOME": "/x"][$0] } == "/x/rbdctl/contexts.yaml"
        )
        #expect(
            ContextsFile.path { ["HOME": "/h", "XDG_CONFIG_HOME": "x"][$0] } == "/h/.config/rbdctl/contexts.yaml"
        )
        #expect(ContextsFile.path { ["XDG_CONFIG_HOME": "/x", "RBDCTL_CONTEXTS": "c"][$0] } == "c")
        #expect(ContextsFile.path { _ in nil } == nil)
    }

    @Test func whatIsWrittenIsReadAgainAndForItsOwnerAlone() throws {
        let place = Place()
        var file = try ContextsFile(path: place.path)
        let context = Context(
            server: "https://a",
            caFile: "/ca",
            clientCertificate: "/c",
            clientKey: "/k",
            tokenFile: nil,
            token: "on"
        )
        file.set("a@b.c", to: context)
        file.set("0", to: Context(server: "unix:/s"))
        try file.use("a@b.c")
        try file.write()
        #expect(try ContextsFile(path: place.path) == file)
        #expect(try place.mode(place.path) == 0o600)
        #expect(try place.mode("\(place.folder)/rbdctl") == 0o700)
        try file.delete("a@b.c")
        try file.write()
        #expect(try ContextsFile(path: place.path).current == nil)
        #expect(try FileManager.default.contentsOfDirectory(atPath: "\(place.folder)/rbdctl") == ["contexts.yaml"])
    }

    @Test(arguments: [0o604, 0o640, 0o644, 0o620, 0o666])
    func aFileThatOthersCanReadIsRefused(mode: Int) throws {
        let place = Place()
        try place.write(Self.text, mode: mode)
        let failure = #expect(throws: Failure.self) { _ = try ContextsFile(path: place.path) }
        #expect(failure?.hint == "run chmod 0600 \(place.path)")
        // A command that needs no context works without the file.
        #expect(try settings("--server http://a", place).server.description == "http://a")
    }

    @Test(
        arguments: [
            ("[]", "line 1"), ("context: {}", "line 1, column 1: the key \"context\" is not known here"),
            ("contexts:\n  a: {}", "line 2, column 1: the context \"a\" has no server"),
            (
                "contexts:\n  a:\n    server: https://a\n    sever: b",
                "line 4, column 1: the key \"sever\" is not known here"
            ),
            ("contexts:\n  a: {server: [b]}", "line 2, column 1: the value of server must be a text"),
            ("contexts:\n  a b: {server: b}", "line 2, column 1: \"a b\": a context's name"),
        ]
    )
    func whatIsWrongInItIsNamed(text: String, sentence: String) throws {
        let place = Place()
        try place.write(text)
        let failure = #expect(throws: Failure.self) { _ = try ContextsFile(path: place.path) }
        #expect(failure?.detail.hasPrefix("\(place.path): \(sentence)") == true, "\(failure?.detail ?? "")")
    }

    // MARK: Names

    @Test(
        arguments: [
            ("prdo", "did you mean prod?"), ("Prod", "did you mean prod?"), ("stagin", "did you mean staging?"),
            ("elsewhere", "the contexts are: prod, staging"),
        ]
    )
    func typosGetTheNearestNames(name: String, hint: String) throws {
        let place = Place()
        try place.write("contexts: {staging: {server: 'http://s'}, prod: {server: 'http://p'}}")
        let failure = #expect(throws: Failure.self) { _ = try ContextsFile(path: place.path).context(named: name) }
        #expect(failure?.hint == hint)
        #expect(failure?.status == .usage)
    }

    // MARK: Certificates

    @Test(arguments: [
        (
            "SSLV3_ALERT_CERTIFICATE_EXPIRED", Int32(5),
            "does not accept the client's certificate: certificate expired"
        ),
        ("TLSV1_ALERT_UNKNOWN_CA", 5, "does not accept the client's certificate: unknown ca"),
        ("TLSV1_ALERT_PROTOCOL_VERSION", 1, "TLS failed: tlsv1 alert protocol version"),
        ("CERTIFICATE_VERIFY_FAILED", 1, "--ca-file names certificates to trust"),
    ])
    func whoseCertificateIsRefusedIsSaid(reason: String, status: Int32, sentence: String) throws {
        struct Words: Error, CustomStringConvertible { var description: String }
        let error = Words(
            description: "[Error: 268436501 error:10000415:SSL routines:OPENSSL_internal:\(reason) at tls.cc:599]"
        )
        let failure = ConnectionProblem(error).failure(
            server: try ServerAddress(parsing: "https://a"),
            timeout: .seconds(1),
            mayHaveChanged: false
        )
        #expect(failure.status.rawValue == status)
        #expect(failure.detail.contains(sentence), "\(failure.detail)")
    }

    // MARK: Without TLS

    @Test(arguments: [
        ("https://a", true), ("http://localhost:8080", true), ("http://127.0.0.1", true), ("http://127.9.9.9", true),
        ("http://[::1]:8080", true), ("unix:/run/s", true),
        ("http://a", false), ("http://127.0.0.1.example.com", false), ("http://10.0.0.1", false),
        ("http://[2001:db8::1]", false), ("HTTP://A", false), ("http://localhost.example.com", false),
    ])
    func whoeverIsInBetweenCanNotRead(address: String, isPrivate: Bool) throws {
        #expect(try ServerAddress(parsing: address).isPrivate == isPrivate)
    }
}
