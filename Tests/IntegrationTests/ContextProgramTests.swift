// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

import Foundation
import RBDService
import TestSupport
import Testing

/// rbdctl's contexts and certificates, with rbdctl as a program. The requests need no cluster: without one, the service
/// answers 503 to authenticated callers.
@Suite(.timeLimit(.minutes(3)))
struct ContextProgramTests {
    private static let isKnown: Set<Int32> = [0, 6]

    /// A user at a terminal, with an own directory for contexts.
    private struct Person: Sendable {
        private let home: TemporaryFolder

        init() throws {
            home = try TemporaryFolder()
        }

        func rbdctl(
            _ line: String,
            input: String = "",
            environment: [String: String] = [:]
        ) async throws -> Subprocess {
            try home.replace("input", input)
            var all = ProcessInfo.processInfo.environment.filter {
                !$0.key.hasPrefix("RBDCTL_") && $0.key != "XDG_CONFIG_HOME"
            }
            all["HOME"] = home.path("home")
            all.merge(environment) { $1 }
            return try await Subprocess.run(
                "/bin/sh",
                ["-c", "\(Subprocess.built("rbdctl")) \(line) < \(home.path("input"))"],
                environment: all
            )
        }
    }

    @Test func aContextFromItsMakingToItsUse() async throws {
        let (token, other) = (AccessToken(), AccessToken())
        let (certificate, authority, files) = (
            try await ServerCertificate(), try await Authority(), try TemporaryFolder()
        )
        try files.replace(
            "identities.yaml",
            """
            identities:
              - name: by-certificate
                scopes: ["all:*"]
                certificates: [{dns: backup.example.com}]
            \(TokenEntry(identity: "by-token", scopes: ["all:*"], token: token, lifetime: nil).lines)
            """
        )
        let issued = try await authority.issue(subject: "/CN=x", "subjectAltName=DNS:backup.example.com")
        let stranger = try await authority.issue(subject: "/CN=stranger")
        let settings = certificate.settings.merging([
            "port": "0", "audit-log": "off", "tls-client-ca": authority.certificate,
            "token-file": files.path("identities.yaml"),
        ]) { $1 }
        let values = try SettingValues(commandLine: settings, environment: [:], file: nil)
        let configuration = try ServiceConfiguration(values)
        try await TestServer.run(change: { $0 = configuration }) { server in
            let person = try Person()
            let trust = "--ca-file \(certificate.trust)"
            let line = "pool list --server \(server.url) \(trust)"
            let shown = "--client-certificate \(issued.certificate) --client-key \(issued.key)"

            // With options and with the environment.
            #expect(try await person.rbdctl(line).status == 5)
            let known = try await person.rbdctl("\(line) \(shown)")
            #expect(Self.isKnown.contains(known.status), "\(known.standardError)")
            let environment = ["RBDCTL_CLIENT_CERTIFICATE": issued.certificate, "RBDCTL_CLIENT_KEY": issued.key]
            #expect(Self.isKnown.contains(try await person.rbdctl(line, environment: environment).status))
            let unknown = try await person.rbdctl(
                "\(line) --client-certificate \(stranger.certificate) --client-key \(stranger.key)"
            )
            #expect(unknown.status == 5)
            #expect(unknown.standardError.contains("CN=stranger"))
            let wrong = try await person.rbdctl(
                "\(line) --client-certificate \(issued.certificate) --client-key \(stranger.key)"
            )
            #expect(wrong.status == 64)
            #expect(wrong.standardError.contains("is not the key of the certificate"))
            let none = try await person.rbdctl("\(line) --client-certificate \(issued.key) --client-key \(issued.key)")
            #expect(none.status == 64)
            #expect(none.standardError.contains("holds no certificate"))

            // With contexts.
            let made = try await person.rbdctl("context set prod --server \(server.url) \(trust) \(shown)")
            #expect(made.status == 0, "\(made.standardError)")
            #expect(made.standardOutput == "prod\n")
            let kept = try await person.rbdctl(
                "context set people --server \(server.url) \(trust) --token-stdin",
                input: "\(token.text)\n"
            )
            #expect(kept.status == 0, "\(kept.standardError)")
            #expect(Self.isKnown.contains(try await person.rbdctl("pool list --context prod").status))
            #expect(Self.isKnown.contains(try await person.rbdctl("--context people pool list").status))
            #expect(try await person.rbdctl("context use prod").status == 0)
            #expect(Self.isKnown.contains(try await person.rbdctl("pool list").status))
            // A token in the environment is sent instead of the context's.
            #expect(try await person.rbdctl("pool list", environment: ["RBDCTL_TOKEN": other.text]).status == 5)
            #expect(try await person.rbdctl("pool list \(trust) --server \(server.url)").status == 5)

            // No command shows the token.
            for line in ["show people", "show people -o yaml", "list", "list -o json", "show -o json people"] {
                let shown = try await person.rbdctl("context \(line)")
                #expect(shown.status == 0, "\(shown.standardError)")
                #expect(shown.standardOutput.contains("people"))
                #expect(!shown.standardOutput.contains(token.text))
            }
            #expect(try await person.rbdctl("context list -o name").standardOutput == "people\nprod\n")
            let typo = try await person.rbdctl("context use prd")
            #expect(typo.status == 64)
            #expect(typo.standardError.contains("did you mean prod?"))
            #expect(try await person.rbdctl("pool list --context prd").status == 64)

            // Wrong settings can be corrected.
            #expect(try await person.rbdctl("context set prod --ca-file /nowhere").status == 64)
            #expect(try await person.rbdctl("context delete prod").standardOutput == "prod\n")
            #expect(try await person.rbdctl("context show").status == 64)
            #expect(try await person.rbdctl("context set new").standardError.contains("--server"))
            #expect(
                try await person.rbdctl("context set new --server http://a --client-key \(issued.key)").status == 64
            )
        }
    }

    @Test func noTokenGoesOverPlainHTTPToAnotherMachine() async throws {
        let person = try Person()
        let environment = ["RBDCTL_TOKEN": AccessToken().text]
        // An address that is reserved for documentation.
        let line = "pool list --server http://192.0.2.1:1 --timeout 1"
        let refused = try await person.rbdctl(line, environment: environment)
        #expect(refused.status == 64)
        #expect(refused.standardError.contains("--allow-plaintext-token"))
        let allowed = try await person.rbdctl("\(line) --allow-plaintext-token", environment: environment)
        #expect([6, 7].contains(allowed.status), "\(allowed.standardError)")
        #expect([6, 7].contains(try await person.rbdctl(line).status))
    }
}
