// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

import FoundationEssentials
import Glibc

/// An entry of a token file.
public struct TokenEntry: Sendable {
    private let identity: String
    private let scopes: [Scope]
    private let sha256: String
    private let expires: Date?

    /// - Parameters:
    ///   - scopes: what the token allows, such as `read,create:rbd/pvc-*`. If there are none, the token gets the scopes
    ///     that the identity already has in the file.
    ///   - lifetime: how long the token is valid, such as `90d`; nil for ever.
    /// - Throws: `ConfigurationError` for an invalid name, scope or lifetime.
    public init(
        identity: String,
        scopes: [String],
        token: AccessToken,
        lifetime: String?
    ) throws(ConfigurationError) {
        try self.init(identity: identity, scopes: scopes, token: token, lifetime: lifetime, now: .now)
    }

    init(
        identity: String,
        scopes: [String],
        token: AccessToken,
        lifetime: String?,
        now: Date
    ) throws(ConfigurationError) {
        var parsed: [Scope] = []
        for scope in scopes { parsed.append(try Scope(parsing: scope)) }
        self.scopes = parsed
        guard Identity.isValid(identity) else {
            throw ConfigurationError(
                "\"\(identity)\": a name has 1 to 128 letters, digits, \".\", \"_\", \"-\" and \"@\""
            )
        }
        self.identity = identity
        sha256 = token.sha256
        guard let lifetime else {
            expires = nil
            return
        }
        guard let duration = DurationText.parse(lifetime), duration > .zero else {
            throw ConfigurationError("\"\(lifetime)\" is not \(DurationText.pattern)")
        }
        expires = now.addingTimeInterval(TimeInterval(duration.components.seconds))
    }

    /// The lines to add to the list of identities. An identity that is already in the list then has one more token.
    public var lines: String { lines(scopes) }

    private func lines(_ scopes: [Scope]) -> String {
        let list = scopes.map { scope in
            let text = scope.description.replacing(#"\"#, with: #"\\"#).replacing("\"", with: #"\""#)
            return "\n      - \"\(text)\""
        }
        return """
              - name: \(identity)
                scopes:\(list.isEmpty ? " []" : list.joined())
                tokens:
                  - sha256: \(sha256)\(expires.map { "\n        expires: \($0.formatted(.iso8601))" } ?? "")

            """
    }

    /// Adds the entry to the end of a file, and creates the file if there is none. The existing text stays as it is.
    /// - Throws: `ConfigurationError` if the file can't be used; if its YAML does not allow adding to its end; and if
    ///   the entry has no scopes and the file has none for the identity.
    public func add(to path: String) throws(ConfigurationError) {
        var (text, mode, count, scopes) = ("", mode_t(0o600), 0, scopes)
        if let stamp = FileStamp(path: path) {
            let file = try TokenFile(path: path, stamp: stamp)
            count = file.tokens.count
            if scopes.isEmpty { scopes = file.identities.last { $0.name == identity }?.scopes ?? [] }
            mode = stamp.mode
            guard let found = try? String(contentsOfFile: path, encoding: .utf8) else {
                throw ConfigurationError("\"\(path)\" can't be read")
            }
            text = found
        }
        guard !scopes.isEmpty else { throw Self.noScope(identity) }
        let lines = lines(scopes)
        if !text.isEmpty, !text.hasSuffix("\n") { text += "\n" }
        if count == 0, (try? TokenFile(text: text + "identities:\n" + lines)) != nil { text += "identities:\n" }
        text += lines
        guard let file = try? TokenFile(text: text), file.tokens.count == count + 1 else {
            throw ConfigurationError(
                "nothing can be added to the end of \"\(path)\"; put this into its list:\n\(lines)"
            )
        }
        try Self.replace(path, with: text, mode: mode)
    }

    /// The error if neither the command nor the file has scopes for an identity.
    public static func noScope(_ identity: String) -> ConfigurationError {
        ConfigurationError("--scope says what \"\(identity)\" may do: \(Scope.pattern); all:* is everything")
    }

    /// Replaces the file atomically: readers see the old text or the new one.
    private static func replace(_ path: String, with text: String, mode: mode_t) throws(ConfigurationError) {
        let temporary = "\(path).\(getpid())"
        let descriptor = open(temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, mode)
        guard descriptor >= 0 else { throw failure(path) }
        var text = text
        var isWritten = text.withUTF8 { bytes in
            var rest = UnsafeRawBufferPointer(bytes)
            while !rest.isEmpty {
                let written = write(descriptor, rest.baseAddress, rest.count)
                if written < 0 { return false }
                rest = UnsafeRawBufferPointer(rebasing: rest[written...])
            }
            return fchmod(descriptor, mode) == 0 && fsync(descriptor) == 0
        }
        isWritten = close(descriptor) == 0 && isWritten
        guard isWritten, rename(temporary, path) == 0 else {
            let error = failure(path)
            unlink(temporary)
            throw error
        }
    }

    private static func failure(_ path: String) -> ConfigurationError {
        ConfigurationError("\"\(path)\" can't be written: \(String(cString: strerror(errno)))")
    }
}
