// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

import FoundationEssentials
import Hummingbird
import RBDAPI

/// The query of a request. Each parameter may be given only once, and only if the route knows it: a typo in `confirm`
/// or `namespace` must not be ignored.
struct Query {
    private var values: [String: String] = [:]

    /// - Throws: `Problem` with `invalid-parameter`.
    init(_ request: Request, known: Set<String>) throws(Problem) {
        for pair in (request.uri.query ?? "").split(separator: "&") {
            let parts = pair.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
            guard let name = PercentEncoding.decode(parts[0]),
                let value = parts.count == 2 ? PercentEncoding.decode(parts[1]) : ""
            else {
                throw Self.invalid(String(parts[0]), "the query is not percent-encoded UTF-8")
            }
            guard known.contains(name) else {
                let hint =
                    known.isEmpty ? "leave it out" : "use one of \(known.sorted().joined(separator: ", "))"
                throw Self.invalid(name, "there is no query parameter of this name here", hint: hint)
            }
            guard values.updateValue(value, forKey: name) == nil else {
                throw Self.invalid(name, "the query parameter is given twice")
            }
            if value.unicodeScalars.contains("\0") { throw Self.invalid(name, "it contains a zero byte") }
        }
    }

    subscript(name: String) -> String? { values[name] }

    /// The value of a parameter, before the query is checked; the first if there are several.
    static func value(of name: String, in request: Request) -> String? {
        pairs(in: request).first { $0.name == name }?.value
    }

    /// All parameters of the query, whether or not the route knows them. A value that can't be decoded is empty.
    static func pairs(in request: Request) -> [(name: String, value: String)] {
        (request.uri.query ?? "").split(separator: "&").compactMap { pair in
            let parts = pair.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
            guard let name = PercentEncoding.decode(parts[0]) else { return nil }
            return (name, parts.count == 2 ? PercentEncoding.decode(parts[1]) ?? "" : "")
        }
    }

    /// The parameters of a page: `limit`, `cursor`, `prefix`.
    static let page: Set<String> = ["limit", "cursor", "prefix"]
    static let maximumLimit = 10_000
    private static let defaultLimit = 1_000

    /// The largest page that the configuration allows.
    @TaskLocal static var largestPage = maximumLimit
    /// How many items a page has without `limit`.
    static var usualLimit: Int { min(defaultLimit, largestPage) }

    /// - Throws: `Problem` with `invalid-parameter`.
    func limit() throws(Problem) -> Int {
        guard let text = values["limit"] else { return Self.usualLimit }
        guard let limit = Int(text), (1...Self.maximumLimit).contains(limit) else {
            throw Self.invalid("limit", "it must be a whole number from 1 to \(Self.maximumLimit)")
        }
        guard limit <= Self.largestPage else {
            throw Self.invalid(
                "limit",
                "it may be \(Self.largestPage) at most here",
                hint: "the service's operator can raise the setting largest-page"
            )
        }
        return limit
    }

    /// - Throws: `Problem` with `invalid-parameter`.
    func cursor() throws(Problem) -> Cursor? {
        guard let text = values["cursor"] else { return nil }
        guard let cursor = Cursor(text) else {
            throw Self.notACursor
        }
        return cursor
    }

    /// The members that `fields` asks for, separated by commas, in addition to those that every answer has.
    /// - Throws: `Problem` with `invalid-parameter`.
    func fields(known: Set<String>) throws(Problem) -> Set<String> {
        let names = (values["fields"] ?? "").split(separator: ",").map(String.init)
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
        switch values[name] {
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

/// Where a page ended. It is opaque to callers: the last item's name and id as base64url.
struct Cursor: Hashable {
    var name: String
    var id: String

    init(name: String, id: String = "") {
        self.name = name
        self.id = id
    }

    init?(_ text: String) {
        guard let data = Base64URL.decode(text), let decoded = String(data: data, encoding: .utf8) else { return nil }
        let parts = decoded.split(separator: "\0", omittingEmptySubsequences: false)
        guard parts.count == 2, !parts[0].isEmpty else { return nil }
        self.init(name: String(parts[0]), id: String(parts[1]))
    }

    var text: String { Base64URL.encode("\(name)\0\(id)".utf8) }
}
