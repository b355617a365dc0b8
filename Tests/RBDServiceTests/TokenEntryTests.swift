// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

import Foundation
import Testing

@testable import RBDService

/// Additions to a token file.
extension TokenTests {
    @Test func whatWasWrittenByHandStaysAsItIs() throws {
        let text = """
            # Who may do what.
            identities:
              - name: kubernetes   # the provisioner
                tokens:
                  - sha256: \(AccessToken().sha256)
            """
        let file = try File(text)
        try TokenEntry(identity: "backup", scopes: ["read:rbd"], token: AccessToken(), lifetime: "90d").add(
            to: file.path
        )
        let written = try String(contentsOfFile: file.path, encoding: .utf8)
        #expect(written.hasPrefix(text + "\n  - name: backup\n"))
        #expect(try TokenFile(path: file.path).tokens.map(\.identity.name) == ["kubernetes", "backup"])
        // Nothing can be appended to a list that is written on one line.
        try file.write("identities: [{name: a}]\n")
        #expect(throws: ConfigurationError.self) {
            try TokenEntry(identity: "backup", scopes: ["read:rbd"], token: AccessToken(), lifetime: nil).add(
                to: file.path
            )
        }
        #expect(try String(contentsOfFile: file.path, encoding: .utf8) == "identities: [{name: a}]\n")
    }

    /// The list may be written in any way that can be continued at its end.
    @Test(arguments: [
        "identities: []\n", "# Nobody yet.\nidentities: [ ] # none\n", "identities: null", "identities:\n", "",
        "identities: ~\n# The end.\n",
    ])
    func anEmptyListIsContinued(text: String) throws {
        let file = try File(text)
        let tokens = [AccessToken(), AccessToken()]
        for token in tokens { try add(token, to: file) }
        #expect(try TokenFile(path: file.path).tokens.count == 2)
        let written = try String(contentsOfFile: file.path, encoding: .utf8)
        #expect(tokens.allSatisfy { written.contains($0.sha256) })
    }

    @Test func aListThatIsNotIndentedIsContinued() throws {
        let text = "identities:\n- name: a\n  scopes:\n  - all:*\n"
        let file = try File(text)
        try add(AccessToken(), to: file)
        #expect(try TokenFile(path: file.path).identities.map(\.name) == ["a", "backup"])
        #expect(try String(contentsOfFile: file.path, encoding: .utf8).hasPrefix(text))
    }

    /// The file of the Kubernetes manifests, as it is shipped.
    @Test func theShippedFileIsContinued() throws {
        let shipped = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .deletingLastPathComponent().appendingPathComponent("deploy/kubernetes/overlays/example/tokens.yaml")
        let file = try File(try String(contentsOf: shipped, encoding: .utf8))
        try add(AccessToken(), to: file)
        #expect(try TokenFile(path: file.path).tokens.map(\.identity.name) == ["backup"])
    }

    /// A token that was made is shown once, or not made: whatever fails, the file has no digest of a token that nobody
    /// has seen, and no error message has one.
    @Test func whateverFailsNoTokenIsLost() throws {
        let file = try File("identities: []\n")
        func text() throws -> String { try String(contentsOfFile: file.path, encoding: .utf8) }
        let (token, before) = (AccessToken(), try text())
        let entry = try TokenEntry(identity: "backup", scopes: ["read:rbd"], token: token, lifetime: nil)
        let error = #expect(throws: ConfigurationError.self) {
            try entry.add(to: file.path) { () throws(ConfigurationError) in throw ConfigurationError("no room") }
        }
        #expect(error?.description == "no room")
        #expect(try text() == before)
        #expect(!FileManager.default.fileExists(atPath: "\(file.path).\(getpid())"))

        // It is shown before the file is replaced, and only once.
        var shown: [String] = []
        try entry.add(to: file.path) { () throws(ConfigurationError) in
            shown.append((try? String(contentsOfFile: file.path, encoding: .utf8)) ?? "")
        }
        #expect(shown == [before])
        #expect(try text().contains(token.sha256))

        for text in [
            "identities: [{name: a}]\n", "identities: {}\n", "{\"identities\": []}\n", "{}\n", "identities: [\n", "a\n",
        ] {
            try file.write(text)
            let error = #expect(throws: ConfigurationError.self) {
                try entry.add(to: file.path) { () throws(ConfigurationError) in shown.append(text) }
            }
            #expect(error?.description.contains(token.sha256) == false, "\(error?.description ?? "")")
            #expect(shown.count == 1)
        }
    }

    @Test func anOutputThatIsFullIsNoticed() throws {
        let descriptor = open("/dev/full", O_WRONLY | O_CLOEXEC)
        try #require(descriptor >= 0)
        defer { close(descriptor) }
        let error = #expect(throws: ConfigurationError.self) { try AccessToken().show(on: descriptor) }
        #expect(error?.description.contains("no token was made") == true)
    }

    private func add(_ token: AccessToken, to file: File) throws {
        try TokenEntry(identity: "backup", scopes: ["read:rbd"], token: token, lifetime: nil).add(to: file.path)
    }

    @Test func anotherTokenIsGoodForTheSame() throws {
        let file = try File()
        func add(_ identity: String, _ scopes: [String]) throws {
            try TokenEntry(identity: identity, scopes: scopes, token: AccessToken(), lifetime: nil).add(to: file.path)
        }
        try add("backup", [#"read:rbd/a"b\c-*"#, "read,delete:rbd/team/*"])
        try add("backup", [])
        let scopes = try TokenFile(path: file.path).tokens.map { $0.identity.scopes.map(\.description) }
        #expect(scopes.count == 2)
        #expect(scopes.allSatisfy { $0 == [#"read:rbd/a"b\c-*"#, "read,delete:rbd/team/*"] })
        let error = #expect(throws: ConfigurationError.self) { try add("other", []) }
        #expect(error?.description.contains("--scope") == true)
    }
}
