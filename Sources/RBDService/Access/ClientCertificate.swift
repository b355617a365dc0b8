// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

import FoundationEssentials
import NIOSSL
import SwiftASN1
import X509

/// A certificate by which a client is known. That an authority vouches for it, and that its time has come and has not passed,
/// was seen to when the connection began.
struct ClientCertificate: Sendable {
    /// What it says of its owner: the subject and the alternative names.
    var names: [CertificateName]
    /// When its time ends: a connection may outlast it.
    var expires: Date

    init(names: [CertificateName], expires: Date) {
        self.names = names
        self.expires = expires
    }

    /// One that can't be read has no names, which is not the same as none.
    init(_ certificate: NIOSSLCertificate) {
        names = []
        expires = .distantFuture
        guard let read = try? Certificate(derEncoded: certificate.toDERBytes()),
            let alternatives = try? read.extensions.subjectAlternativeNames ?? SubjectAlternativeNames()
        else { return }
        expires = read.notValidAfter
        if !read.subject.isEmpty { names.append(CertificateName(.subject, "\(read.subject)")) }
        for name in alternatives {
            switch name {
            case .dnsName(let name): names.append(CertificateName(.dns, name))
            case .uniformResourceIdentifier(let uri): names.append(CertificateName(.uri, uri))
            case .rfc822Name(let address): names.append(CertificateName(.email, address))
            default: break
            }
        }
    }
}

/// One of the names in a certificate, to be compared byte by byte.
struct CertificateName: Hashable, Sendable, CustomStringConvertible {
    enum Kind: String, CaseIterable, Sendable {
        /// As RFC 4514 writes it, the most specific part first.
        case subject
        case dns
        case uri
        case email
    }

    let kind: Kind
    /// Not a String: that takes different bytes for equal where they look alike.
    private let bytes: [UInt8]

    init(_ kind: Kind, _ text: String) {
        self.kind = kind
        // Names of hosts alone are the same in capitals.
        bytes = Array((kind == .dns ? text.lowercased() : text).utf8)
    }

    var text: String { String(decoding: bytes, as: UTF8.self) }
    var description: String { "\(kind.rawValue) \"\(text)\"" }

    /// What is wrong with it as it was written in a file; nil where nothing is.
    var objection: String? {
        switch kind {
        case .subject:
            Self.isSubject(text)
                ? nil : "a subject is written CN=backup,O=Example, as openssl x509 -nameopt RFC2253 has it"
        case .dns:
            text.wholeMatch(of: /[a-z0-9_-]+(\.[a-z0-9_-]+)*/) == nil
                ? "dns is the name of a host, such as backup.example.com" : nil
        case .uri:
            text.wholeMatch(of: /[A-Za-z][A-Za-z0-9+.-]*:[!-~]+/) == nil
                ? "a uri is written spiffe://example.com/backup" : nil
        case .email:
            text.wholeMatch(of: /[!-?A-~]+@[!-?A-~]+/) == nil ? "an email is written backup@example.com" : nil
        }
    }

    /// Whether all its parts have a type and a value, and no blanks are between them, as many programs put there.
    private static func isSubject(_ text: String) -> Bool {
        text.wholeMatch(of: /[A-Za-z0-9.]+=([^,\\]|\\.)+([,+][A-Za-z0-9.]+=([^,\\]|\\.)+)*/) != nil
    }
}
