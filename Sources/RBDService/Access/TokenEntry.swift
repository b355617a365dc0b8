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

    /// Adds the entry to the end of a file, and creates the file if there is none. The existing text stays as it is,
    /// except that an empty list (`identities: []`) is opened.
    /// - Parameter show: shows the token. It is called when only the replacement of the file is left to do. If it
    ///   throws, the file is not changed. So no digest of a token that was not shown gets into the file.
    /// - Throws: `ConfigurationError` if the file can't be used; if its YAML does not allow adding to its end; if the
    ///   entry has no scopes and the file has none for the identity; and what `show` throws.
    public func add(
        to path: String,
        showing show: () throws(ConfigurationError) -> Void = {}
    ) throws(ConfigurationError) {
        let lock = Self.lockedFolder(of: path)
        defer { if lock >= 0 { close(lock) } }
        var (text, mode, count, scopes) = ("", mode_t(0o600), 0, scopes)
        var known: [Identity] = []
        if let stamp = FileStamp(path: path) {
            let file = try TokenFile(path: path, stamp: stamp)
            (known, count) = (file.identities, file.tokens.count)
            if scopes.isEmpty { scopes = known.last { $0.name == identity }?.scopes ?? [] }
            mode = stamp.mode
            guard let found = try? String(contentsOfFile: path, encoding: .utf8) else {
                throw ConfigurationError("\"\(path)\" can't be read")
            }
            text = found
        }
        guard !scopes.isEmpty else { throw Self.noScope(identity) }
        let candidates = Self.continuations(of: text, with: lines(scopes))
        let longer = candidates.first { candidate in
            guard let file = try? TokenFile(text: candidate) else { return false }
            return file.tokens.count == count + 1 && file.identities.dropLast().elementsEqual(known)
        }
        guard let longer else {
            throw ConfigurationError(
                "nothing can be added to the end of \"\(path)\", so no token was made; write its list of identities "
                    + "with one \"- name:\" per line, or run the command without --add-to"
            )
        }
        try Self.replace(path, with: longer, mode: mode, showing: show)
    }

    /// The texts that may be the file with the entry: at the end of the list, whether its items are indented or not;
    /// as the first entry of a new list; and as the first entry of a list that was empty.
    private static func continuations(of text: String, with lines: String) -> [String] {
        var text = text
        if !text.isEmpty, !text.hasSuffix("\n") { text += "\n" }
        let flat = lines.replacing(/^ {2}/.anchorsMatchLineEndings(), with: "")
        let emptyList = /^identities:[ \t]*(?:\[[ \t]*\]|null|~)(?=[ \t]*(?:#|$))/.anchorsMatchLineEndings()
        let opened = text.replacing(emptyList, with: "identities:", maxReplacements: 1)
        return [text + lines, text + flat, text + "identities:\n" + lines, opened + lines]
    }

    /// Locks the folder of a file until the descriptor is closed. Of two entries that are added at once, one would be
    /// lost otherwise.
    /// - Returns: -1 if the folder can't be opened. File systems without locks are not locked.
    private static func lockedFolder(of path: String) -> Int32 {
        let folder = path.lastIndex(of: "/").map { String(path[...$0]) } ?? "."
        let descriptor = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        if descriptor >= 0 { _ = flock(descriptor, LOCK_EX) }
        return descriptor
    }

    /// The error if neither the command nor the file has scopes for an identity.
    public static func noScope(_ identity: String) -> ConfigurationError {
        ConfigurationError("--scope says what \"\(identity)\" may do: \(Scope.pattern); all:* is everything")
    }

    /// Replaces the file atomically: readers see the old text or the new one.
    private static func replace(
        _ path: String,
        with text: String,
        mode: mode_t,
        showing show: () throws(ConfigurationError) -> Void
    ) throws(ConfigurationError) {
        let temporary = "\(path).\(getpid())"
        let descriptor = open(temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, mode)
        guard descriptor >= 0 else { throw failure(path) }
        var isWritten = text.isWritten(to: descriptor) && fchmod(descriptor, mode) == 0 && fsync(descriptor) == 0
        isWritten = close(descriptor) == 0 && isWritten
        guard isWritten else {
            let error = failure(path)
            unlink(temporary)
            throw error
        }
        do throws(ConfigurationError) {
            try show()
        } catch {
            unlink(temporary)
            throw error
        }
        guard rename(temporary, path) == 0 else {
            let error = failure(path, "; the token that was shown is not valid")
            unlink(temporary)
            throw error
        }
    }

    private static func failure(_ path: String, _ consequence: String = "") -> ConfigurationError {
        ConfigurationError("\"\(path)\" can't be written: \(String(cString: strerror(errno)))\(consequence)")
    }
}
