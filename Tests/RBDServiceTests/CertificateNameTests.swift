// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

import FoundationEssentials
import Hummingbird
import RBDAPI
import Testing

@testable import RBDService

/// Certificate names in the file of identities. The certificates themselves are tested over TLS.
struct CertificateNameTests {
    @Test(
        arguments: [
            ("- subject: CN=backup", 1), ("- {subject: 'CN=backup,O=Example'}", 1),
            ("- subject: 'CN=a\\, b+OU=c,2.5.4.97=x y'", 1), ("- dns: backup\n- dns: Backup.Example.com", 2),
            ("- uri: spiffe://example.com/backup", 1), ("- uri: urn:a", 1), ("- email: a+b@example.com", 1),
            // A name may occur twice for one identity.
            ("- dns: a\n- dns: A", 1), ("", 0), ("[]", 0),
        ]
    )
    func whatIsWellWrittenIsTaken(list: String, count: Int) throws {
        #expect(try file(list).certificates.count == count)
    }

    @Test(
        arguments: [
            ("- backup", "line 4: this must be a mapping with dns, email, subject, uri"),
            ("- cn: backup", "line 4: \"cn\" is not a known key; known keys are dns, email, subject, uri"),
            ("- {}", "line 4: a certificate needs exactly one name, one of subject, dns, uri, email"),
            ("- {dns: a, email: a@b}", "line 4: a certificate needs exactly one name"),
            ("- dns: [a]", "line 4: a certificate needs exactly one name"),
            ("- subject: CN=backup, O=Example", "line 4: write a subject as openssl x509 -nameopt RFC2253 prints it"),
            ("- subject: /CN=backup", "line 4: write a subject"),
            ("- subject: CN = backup", "line 4: write a subject"),
            ("- subject: backup", "line 4: write a subject"),
            ("- subject: CN=", "line 4: write a subject"),
            ("- subject:", "line 4: write a subject"),
            ("- dns: a\n- dns: '*.example.com'", "line 5: dns is the name of a host"),
            ("- dns: https://a", "line 4: dns is the name of a host"),
            ("- uri: backup", "line 4: a uri is written"),
            ("- uri: a:b c", "line 4: a uri is written"),
            ("- email: backup", "line 4: an email is written"),
            ("1", "line 3: certificates must be a list"),
        ]
    )
    func whatIsWrongIsNamed(list: String, sentence: String) {
        let error = #expect(throws: ConfigurationError.self) { try file(list) }
        #expect(error?.description.hasPrefix(sentence) == true, "\(error?.description ?? "")")
    }

    @Test func noCertificateHasTwoOwners() {
        let text = "identities:\n- name: a\n  certificates: [{dns: x}]\n- name: b\n  certificates:\n  - dns: X"
        let error = #expect(throws: ConfigurationError.self) { try TokenFile(text: text) }
        #expect(error?.description == "line 6: a and b have the same certificate, dns \"x\"")
    }

    @Test func namesAreComparedByteByByte() {
        #expect(CertificateName(.subject, "CN=é") != CertificateName(.subject, "CN=e\u{301}"))
        #expect(CertificateName(.subject, "CN=a") != CertificateName(.subject, "CN=A"))
        #expect(CertificateName(.uri, "x:a") != CertificateName(.email, "x:a"))
        #expect(CertificateName(.dns, "A") == CertificateName(.dns, "a"))
    }

    /// A connection may outlast its certificate.
    @Test func whatHasExpiredMeanwhileIsRefused() throws {
        let path = FileManager.default.temporaryDirectory.appendingPathComponent("\(UUID()).yaml").path
        let text = """
            identities:
              - {name: a, scopes: ["read:rbd"], certificates: [{dns: x}, {dns: z}]}
              - {name: a, scopes: ["all:*"], certificates: [{dns: wide}]}
            """
        try Data(text.utf8).write(to: URL(fileURLWithPath: path))
        try FileManager.default.setAttributes([.posixPermissions: 0o600], ofItemAtPath: path)
        defer { try? FileManager.default.removeItem(atPath: path) }
        let authenticator = CertificateAuthenticator(
            identities: try TokenFile.watched(path: path, logger: LogRecorder().logger())
        )
        func identity(_ names: [CertificateName], _ seconds: TimeInterval) throws -> Identity? {
            let certificate = ClientCertificate(names: names, expires: .now + seconds)
            let request = Request(
                head: .init(method: .get, scheme: nil, authority: nil, path: "/"),
                body: RequestBody(buffer: ByteBuffer())
            )
            return try authenticator.identity(of: request, from: Peer(certificate: certificate))
        }
        #expect(try identity([CertificateName(.dns, "x")], 60)?.name == "a")
        #expect(throws: Problem.self) { try identity([CertificateName(.dns, "x")], -1) }
        #expect(throws: Problem.self) { try identity([CertificateName(.dns, "y")], 60) }
        #expect(throws: Problem.self) { try identity([], 60) }
        // Two names of one entry belong to one identity. A name of the entry with more rights does not give them to the
        // other entry.
        #expect(try identity([CertificateName(.dns, "x"), CertificateName(.dns, "z")], 60)?.scopes.count == 1)
        for names in [["x", "wide"], ["wide", "x"]] {
            #expect(throws: Problem.self) { try identity(names.map { CertificateName(.dns, $0) }, 60) }
        }
    }

    private func file(_ list: String) throws -> TokenFile {
        let isList = list.hasPrefix("- ")
        let lines = list.split(separator: "\n").map { "  \($0)" }.joined(separator: "\n")
        return try TokenFile(text: "identities:\n- name: a\n  certificates:" + (isList ? "\n\(lines)" : " \(list)"))
    }
}
