// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

internal import FoundationEssentials
internal import YAML

/// A named service and its credentials.
struct Context: Codable, Hashable, Sendable {
    var server: String
    var caFile: String?
    var clientCertificate: String?
    var clientKey: String?
    var tokenFile: String?
    /// Never shown.
    var token: String?
}

/// The contexts that a user has set, in a file of that user.
///
///     current: production
///     contexts:
///       production:
///         server: https://ceph.example.com:8443
///         tokenFile: /home/somebody/production.token
struct ContextsFile: Hashable, Sendable {
    static let pathVariable = "RBDCTL_CONTEXTS"

    let path: String
    private(set) var contexts: [String: Context] = [:]
    private(set) var current: String?

    /// - Returns: nil if the home directory is not known.
    static func path(environment: (String) -> String?) -> String? {
        func value(_ name: String) -> String? { environment(name)?.nonEmpty }
        if let path = value(pathVariable) { return path }
        // The XDG specification says that relative paths must be ignored.
        let folder = value("XDG_CONFIG_HOME").flatMap { $0.hasPrefix("/") ? $0 : nil }
        return (folder ?? value("HOME").map { "\($0)/.config" }).map { "\($0)/rbdctl/contexts.yaml" }
    }

    /// Reads the file. If it does not exist, there are no contexts.
    init(environment: (String) -> String? = Console.environment) throws {
        guard let path = Self.path(environment: environment) else {
            throw Failure(.usage, "the place of the contexts file is not known: set \(Self.pathVariable) or HOME")
        }
        try self.init(path: path)
    }

    init(path: String) throws {
        self.path = path
        guard let text = try PrivateFile.read(path) else { return }
        do throws(YAMLError) {
            let root = try YAMLNode.parse(text)
            if root.isNull { return }
            try read(root)
        } catch {
            throw Failure(.usage, "\(path): \(error)")
        }
    }

    private mutating func read(_ root: YAMLNode) throws(YAMLError) {
        for entry in try root.members(["current", "contexts"]) {
            if entry.key == "current" {
                current = entry.value.isNull ? nil : try entry.text
            } else {
                for entry in try entry.value.isNull ? [] : entry.value.members(nil) {
                    guard Self.isName(entry.key) else {
                        throw YAMLError(line: entry.line, column: 1, reason: Self.nameRule(entry.key))
                    }
                    contexts[entry.key] = try Self.context(entry)
                }
            }
        }
    }

    private static func context(_ entry: YAMLNode.Entry) throws(YAMLError) -> Context {
        var context = Context(server: "")
        let known = ["server", "caFile", "clientCertificate", "clientKey", "tokenFile", "token"]
        for member in try entry.value.members(known) where !member.value.isNull {
            switch member.key {
            case "server": context.server = try member.text
            case "caFile": context.caFile = try member.text
            case "clientCertificate": context.clientCertificate = try member.text
            case "clientKey": context.clientKey = try member.text
            case "tokenFile": context.tokenFile = try member.text
            default: context.token = try member.text
            }
        }
        guard !context.server.isEmpty else {
            throw YAMLError(line: entry.line, column: 1, reason: "the context \"\(entry.key)\" has no server")
        }
        return context
    }

    // MARK: Names

    static func isName(_ text: String) -> Bool {
        text.wholeMatch(of: /[A-Za-z0-9][A-Za-z0-9._@-]{0,63}/) != nil
    }

    static func nameRule(_ text: String) -> String {
        "\"\(text)\": a context's name has 1 to 64 letters, digits, \".\", \"_\", \"-\" and \"@\", the first a letter or a digit"
    }

    /// - Throws: ``Failure`` with the names that were probably meant.
    func context(named name: String) throws -> Context {
        guard let context = contexts[name] else {
            let names = contexts.keys.sorted()
            let near = Spelling.nearest(to: name, in: names)
            let hint =
                names.isEmpty
                ? "create one with rbdctl context set \(Self.isName(name) ? name : "NAME") --server URL"
                : near.isEmpty
                    ? "the contexts are: \(names.joined(separator: ", "))"
                    : "did you mean \(near.joined(separator: " or "))?"
            throw Failure(.usage, "the context \"\(name)\" does not exist in \(path)", hint: hint)
        }
        return context
    }

    // MARK: Changes

    mutating func use(_ name: String) throws {
        _ = try context(named: name)
        current = name
    }

    mutating func set(_ name: String, to context: Context) {
        contexts[name] = context
    }

    mutating func delete(_ name: String) throws {
        _ = try context(named: name)
        contexts[name] = nil
        if current == name { current = nil }
    }

    /// A concurrent reader sees either the old file or the new one. The contexts are sorted by name.
    func write() throws {
        let named = try contexts.sorted { $0.key < $1.key }.map { name, context in
            OrderedValue.Member(name, try OrderedValue(encoding: context))
        }
        let head = current.map { [OrderedValue.Member("current", .string($0))] } ?? []
        let content = OrderedValue.object(head + [OrderedValue.Member("contexts", .object(named))])
        try PrivateFile.write(content.yaml(), to: path)
    }
}

extension YAMLNode {
    /// - Parameter known: the allowed keys; nil for any.
    fileprivate func members(_ known: [String]?) throws(YAMLError) -> [Entry] {
        guard let entries else { throw YAMLError(line: line, column: column, reason: "a mapping is expected here") }
        if let known, let other = entries.first(where: { !known.contains($0.key) }) {
            throw YAMLError(
                line: other.line,
                column: 1,
                reason: "the key \"\(other.key)\" is not known here; known are \(known.joined(separator: ", "))"
            )
        }
        return entries
    }
}

extension YAMLNode.Entry {
    fileprivate var text: String {
        get throws(YAMLError) {
            guard let text = value.text, !text.isEmpty else {
                throw YAMLError(line: line, column: 1, reason: "the value of \(key) must be a text")
            }
            return text
        }
    }
}
