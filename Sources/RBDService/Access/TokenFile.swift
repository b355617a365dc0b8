// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

import Crypto
import FoundationEssentials
import Glibc
import Logging
import YAML

/// The token file: identities, their scopes, the digests of their tokens, and the names in their certificates.
///
///     identities:
///       - name: kubernetes
///         scopes:
///           - read,create,modify,delete:rbd/pvc-*
///         tokens:
///           - sha256: 9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08
///             expires: 2027-06-30T00:00:00Z
///       - name: backup
///         certificates:
///           - dns: backup.example.com
public struct TokenFile: Sendable {
    struct Token: Sendable {
        var identity: Identity
        /// SHA-256 of the token.
        var digest: [UInt8]
        /// Nil if the token never expires.
        var expires: Date?
    }

    /// In the order of the file. An identity that got another token later may be listed more than once.
    private(set) var identities: [Identity] = []
    private(set) var tokens: [Token] = []
    /// The identity of each name in a certificate.
    private(set) var certificates: [CertificateName: Identity] = [:]

    /// The index of each token, by its digest. The time of a lookup may reveal something about stored digests, but
    /// nothing about tokens: to use a digest, an attacker would have to invert SHA-256.
    private var places: [[UInt8]: Int] = [:]

    /// A larger file is a mistake.
    private static let maximumBytes = 4 << 20

    /// - Throws: `ConfigurationError` with the file, the line and what is wrong there.
    public init(path: String) throws(ConfigurationError) {
        try self.init(path: path, stamp: FileStamp(path: path))
    }

    init(path: String, stamp: FileStamp?) throws(ConfigurationError) {
        guard let stamp else { throw ConfigurationError("the token file \"\(path)\" can't be read") }
        // Anyone who can write the file can become any identity.
        guard !stamp.isOpenToOthers else {
            throw ConfigurationError(
                "the token file \"\(path)\" can be \(stamp.mode & 0o022 == 0 ? "read" : "written") by others; "
                    + "run chmod 0600 \(path)"
            )
        }
        guard stamp.size <= Self.maximumBytes, let text = try? String(contentsOfFile: path, encoding: .utf8) else {
            throw ConfigurationError("the token file \"\(path)\" can't be read")
        }
        self = try ConfigurationError.naming(path) { () throws(ConfigurationError) in
            do throws(ConfigurationError) {
                return try TokenFile(text: text)
            } catch {
                // Somebody may have put a token in the place of a name or a digest. The log must not contain it.
                throw ConfigurationError(error.description.replacing(/[A-Za-z0-9_\-]{32,}/, with: "…"))
            }
        }
    }

    /// The watched file: its current content is read again after each change.
    static func watched(path: String, logger: Logger) throws(ConfigurationError) -> WatchedFiles<TokenFile> {
        try WatchedFiles([path], as: "the token file", logger: logger) { () throws(ConfigurationError) in
            try TokenFile(path: path)
        }
    }

    init(text: String) throws(ConfigurationError) {
        let root = try YAMLNode.configuration(text)
        if root.isNull { return }
        let identities = try root.members(["identities"])["identities"]
        for identity in try identities?.list("identities") ?? [] {
            let members = try identity.members(["name", "scopes", "tokens", "certificates"])
            guard let name = members["name"]?.text, Identity.isValid(name) else {
                throw ConfigurationError(
                    "line \(identity.line): an identity needs a name of letters, digits, \".\", \"_\", \"-\" and \"@\""
                )
            }
            var scopes: [Scope] = []
            for scope in try members["scopes"]?.list("scopes") ?? [] {
                scopes.append(try Self.scope(scope))
            }
            let known = Identity(name: name, scopes: scopes)
            self.identities.append(known)
            for token in try members["tokens"]?.list("tokens") ?? [] {
                tokens.append(try Self.token(token, of: known))
            }
            for certificate in try members["certificates"]?.list("certificates") ?? [] {
                try add(certificate, of: known)
            }
        }
        for (place, token) in tokens.enumerated() {
            guard let other = places[token.digest].map({ tokens[$0] }) else {
                places[token.digest] = place
                continue
            }
            guard other.identity == token.identity else {
                throw ConfigurationError(
                    "\(other.identity.name) and \(token.identity.name) have the same token; "
                        + "make another with rbd-rest-api token new"
                )
            }
        }
    }

    /// - Parameter digest: the SHA-256 of a caller's token.
    func token(with digest: SHA256.Digest) -> Token? {
        guard let place = places[Array(digest)], digest == tokens[place].digest else { return nil }
        return tokens[place]
    }

    private static func scope(_ node: YAMLNode) throws(ConfigurationError) -> Scope {
        do throws(ConfigurationError) {
            return try Scope(parsing: node.text ?? "")
        } catch {
            throw ConfigurationError("line \(node.line): \(error)")
        }
    }

    private static func token(_ node: YAMLNode, of identity: Identity) throws(ConfigurationError) -> Token {
        let members = try node.members(["sha256", "expires"])
        guard let hex = members["sha256"]?.text, let digest = bytes(hex: hex), digest.count == 32 else {
            throw ConfigurationError(
                "line \(node.line): a token needs sha256 with 64 hexadecimal digits, as rbd-rest-api token new prints it"
            )
        }
        var token = Token(identity: identity, digest: digest)
        if let expires = members["expires"], !expires.isNull {
            guard let text = expires.text, let date = try? Date(text, strategy: .iso8601) else {
                throw ConfigurationError("line \(expires.line): expires must be a time such as 2027-06-30T00:00:00Z")
            }
            token.expires = date
        }
        return token
    }

    private mutating func add(_ node: YAMLNode, of identity: Identity) throws(ConfigurationError) {
        let kinds = CertificateName.Kind.allCases.map(\.rawValue)
        _ = try node.members(Set(kinds))
        guard let entry = node.entries?.first, node.entries?.count == 1, let text = entry.value.text,
            let kind = CertificateName.Kind(rawValue: entry.key)
        else {
            throw ConfigurationError(
                "line \(node.line): a certificate needs exactly one name, one of \(kinds.joined(separator: ", "))"
            )
        }
        let name = CertificateName(kind, text)
        if let objection = name.objection { throw ConfigurationError("line \(entry.line): \(objection)") }
        if let other = certificates.updateValue(identity, forKey: name), other != identity {
            throw ConfigurationError(
                "line \(entry.line): \(other.name) and \(identity.name) have the same certificate, \(name)"
            )
        }
    }

    private static func bytes(hex: String) -> [UInt8]? {
        let digits = Array(hex.utf8)
        guard digits.count.isMultiple(of: 2) else { return nil }
        var bytes: [UInt8] = []
        for index in stride(from: 0, to: digits.count, by: 2) {
            let pair = String(decoding: digits[index...index + 1], as: UTF8.self)
            guard pair.allSatisfy(\.isHexDigit), let byte = UInt8(pair, radix: 16) else { return nil }
            bytes.append(byte)
        }
        return bytes
    }
}

extension YAMLNode {
    /// The values of a mapping, by their keys.
    fileprivate func members(_ known: Set<String>) throws(ConfigurationError) -> [String: YAMLNode] {
        guard let entries else {
            throw ConfigurationError(
                "line \(line): this must be a mapping with \(known.sorted().joined(separator: ", "))"
            )
        }
        if let other = entries.first(where: { !known.contains($0.key) }) {
            throw ConfigurationError(
                "line \(other.line): \"\(other.key)\" is not a known key; known keys are \(known.sorted().joined(separator: ", "))"
            )
        }
        return Dictionary(uniqueKeysWithValues: entries.map { ($0.key, $0.value) })
    }

    fileprivate func list(_ name: String) throws(ConfigurationError) -> [YAMLNode] {
        if isNull { return [] }
        guard let items else { throw ConfigurationError("line \(line): \(name) must be a list") }
        return items
    }
}
