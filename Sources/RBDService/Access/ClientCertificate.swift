// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

import FoundationEssentials
import NIOSSL
import SwiftASN1
import X509

/// A client certificate. The TLS handshake has verified its authority and its validity period.
struct ClientCertificate: Sendable {
    /// The subject and the alternative names.
    var names: [CertificateName]
    /// When the certificate expires. A connection may last longer.
    var expires: Date
}

extension ClientCertificate {
    /// A certificate that can't be read has no names. It still differs from having no certificate.
    init(_ certificate: NIOSSLCertificate) {
        self.init(names: [], expires: .distantFuture)
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

/// A name in a certificate. Names are compared byte by byte.
struct CertificateName: Hashable, Sendable, CustomStringConvertible {
    enum Kind: String, CaseIterable, Sendable {
        /// In the form of RFC 4514, the most specific part first.
        case subject
        case dns
        case uri
        case email
    }

    let kind: Kind
    /// Not a String: Strings are equal if they look alike, even if their bytes differ.
    private let bytes: [UInt8]

    init(_ kind: Kind, _ text: String) {
        self.kind = kind
        // Only host names are case-insensitive.
        bytes = Array((kind == .dns ? text.lowercased() : text).utf8)
    }

    var text: String { String(decoding: bytes, as: UTF8.self) }
    var description: String { "\(kind.rawValue) \"\(text)\"" }

    /// What is wrong with the name as it is written in the file; nil if nothing is.
    var objection: String? {
        switch kind {
        case .subject:
            Self.isSubject(text)
                ? nil : "write a subject as openssl x509 -nameopt RFC2253 prints it, such as CN=backup,O=Example"
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

    /// Whether each part has a type and a value, without blanks between the parts. Many programs put blanks there.
    private static func isSubject(_ text: String) -> Bool {
        text.wholeMatch(of: /[A-Za-z0-9.]+=([^,\\]|\\.)+([,+][A-Za-z0-9.]+=([^,\\]|\\.)+)*/) != nil
    }
}
