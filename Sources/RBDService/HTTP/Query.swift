// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

import FoundationEssentials
import Hummingbird
import RBDAPI

/// The query of a request, decoded once. It must be checked before its values are used.
struct Query: Sendable {
    private struct Parameter: Sendable {
        /// The name as it was sent.
        var text: Substring
        /// Nil if it can't be decoded.
        var name: String?
        /// Nil if it can't be decoded.
        var value: String?
    }

    private let parameters: [Parameter]
    /// The largest page that the configuration allows.
    let largestPage: Int

    /// - Parameter largestPage: the largest page that the configuration allows.
    init(_ request: Request, largestPage: Int = maximumLimit) {
        self.largestPage = largestPage
        parameters = (request.uri.query ?? "").split(separator: "&").map { pair in
            let parts = pair.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
            let value = parts.count == 2 ? PercentEncoding.decode(parts[1]) : ""
            return Parameter(text: parts[0], name: PercentEncoding.decode(parts[0]), value: value)
        }
    }

    /// Each parameter may be given only once, and only if the endpoint knows it: a typo in `confirm` or `namespace`
    /// must not be ignored.
    /// - Throws: `Problem` with `invalid-parameter`.
    func check(known: Set<String>) throws(Problem) {
        for (index, parameter) in parameters.enumerated() {
            guard let name = parameter.name, let value = parameter.value else {
                throw Self.invalid(String(parameter.text), "the query is not percent-encoded UTF-8")
            }
            guard known.contains(name) else {
                let hint =
                    known.isEmpty ? "leave it out" : "use one of \(known.sorted().joined(separator: ", "))"
                throw Self.invalid(name, "there is no query parameter of this name here", hint: hint)
            }
            if parameters[..<index].contains(where: { $0.name == name }) {
                throw Self.invalid(name, "the query parameter is given twice")
            }
            if value.unicodeScalars.contains("\0") { throw Self.invalid(name, "it contains a zero byte") }
        }
    }

    var isEmpty: Bool { parameters.isEmpty }

    /// The value of a parameter; the first if there are several, which the check refuses.
    subscript(name: String) -> String? { values(of: name).first }

    /// All values of a parameter, whether or not the endpoint knows it. A value that can't be decoded is empty.
    func values(of name: String) -> [String] {
        parameters.filter { $0.name == name }.map { $0.value ?? "" }
    }

    /// The parameters of a page: `limit`, `cursor`, `prefix`.
    static let page: Set<String> = ["limit", "cursor", "prefix"]
    static let maximumLimit = 10_000
    private static let defaultLimit = 1_000

    /// How many items a page has without `limit`.
    var usualLimit: Int { min(Self.defaultLimit, largestPage) }

    /// - Throws: `Problem` with `invalid-parameter`.
    func limit() throws(Problem) -> Int {
        guard let text = self["limit"] else { return usualLimit }
        guard let limit = Int(text), (1...Self.maximumLimit).contains(limit) else {
            throw Self.invalid("limit", "it must be a whole number from 1 to \(Self.maximumLimit)")
        }
        guard limit <= largestPage else {
            throw Self.invalid(
                "limit",
                "it may be \(largestPage) at most here",
                hint: "the service's operator can raise the setting largest-page"
            )
        }
        return limit
    }

    /// - Throws: `Problem` with `invalid-parameter`.
    func cursor() throws(Problem) -> Cursor? {
        guard let text = self["cursor"] else { return nil }
        guard let cursor = Cursor(text) else {
            throw Self.notACursor
        }
        return cursor
    }

    /// The members that `fields` asks for, separated by commas, in addition to those that every answer has.
    /// - Throws: `Problem` with `invalid-parameter`.
    func fields(known: Set<String>) throws(Problem) -> Set<String> {
        let names = (self["fields"] ?? "").split(separator: ",").map(String.init)
        if let unknown = names.first(where: { !known.contains($0) }) {
            throw Self.invalid(
                "fields",
                "\"\(unknown.prefix(40))\" is not a known field",
                hint: "use one of \(known.sorted().joined(separator: ", "))"
            )
        }
        return Set(names)
    }

    /// A parameter that is `true` or `false`; false if it is not given.
    /// - Throws: `Problem` with `invalid-parameter`.
    func flag(_ name: String) throws(Problem) -> Bool {
        switch self[name] {
        case nil, "false": return false
        case "true": return true
        default: throw Self.invalid(name, "it must be true or false")
        }
    }

    static var notACursor: Problem {
        invalid("cursor", "it is not a cursor that this service gave out", hint: "start again without a cursor")
    }

    static func invalid(
        _ name: String,
        _ detail: String,
        hint: String? = nil,
        remedy: Remedy? = nil
    ) -> Problem {
        Problem(.invalidParameter, detail: "\(name): \(detail)", field: name, hint: hint, remedy: remedy)
    }
}

/// The page of a list that a request asks for.
struct PageRequest {
    /// How the names of all items begin.
    let prefix: String
    let cursor: Cursor?
    let limit: Int

    /// - Throws: `Problem` with `invalid-parameter`.
    init(_ query: Query) throws(Problem) {
        prefix = query["prefix"] ?? ""
        cursor = try query.cursor()
        limit = try query.limit()
    }
}

extension Page {
    /// A page of a complete list, sorted by a key that is unique to each element.
    init<Element>(_ all: [Element], _ request: PageRequest, by key: (Element) -> String, _ item: (Element) -> Item) {
        let rest = all.sorted { key($0) < key($1) }.filter { element in
            key(element).hasPrefix(request.prefix) && request.cursor.map { $0.name < key(element) } ?? true
        }
        let items = rest.prefix(request.limit)
        self.init(
            items: items.map(item),
            nextCursor: rest.count > request.limit ? items.last.map { Cursor(name: key($0)).text } : nil
        )
    }
}

/// Where a page ended. It is opaque to callers: the last item's name and id as base64url.
struct Cursor: Hashable {
    var name: String
    var id = ""
}

extension Cursor {
    init?(_ text: String) {
        guard let data = Base64URL.decode(text), let decoded = String(data: data, encoding: .utf8) else { return nil }
        let parts = decoded.split(separator: "\0", omittingEmptySubsequences: false)
        guard parts.count == 2, !parts[0].isEmpty else { return nil }
        self.init(name: String(parts[0]), id: String(parts[1]))
    }

    var text: String { Base64URL.encode("\(name)\0\(id)".utf8) }
}
