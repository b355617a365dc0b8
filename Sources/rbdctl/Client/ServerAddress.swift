// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

internal import FoundationEssentials
internal import RBDAPI

/// The address of the service, to which paths are appended.
struct ServerAddress: Hashable, Sendable, CustomStringConvertible {
    /// Without a slash at the end.
    let description: String

    struct ParseError: Error, Hashable {
        var reason: String
    }

    init(parsing text: String) throws(ParseError) {
        guard text.contains("://") else {
            throw ParseError(reason: "\"\(text)\" is not an address; write it as http://HOST:PORT or https://HOST:PORT")
        }
        guard let url = URL(string: text, encodingInvalidCharacters: false),
            let host = url.host(percentEncoded: false), !host.isEmpty
        else { throw ParseError(reason: "\"\(text)\" is not an address; write it as http://HOST:PORT") }
        guard ["http", "https"].contains(url.scheme?.lowercased()) else {
            throw ParseError(reason: "\"\(text)\": only http and https are spoken")
        }
        guard url.port.map({ (1...65535).contains($0) }) ?? true else {
            throw ParseError(reason: "\"\(text)\": a port is from 1 to 65535")
        }
        guard url.query() == nil, url.fragment() == nil, url.user() == nil, url.password() == nil else {
            throw ParseError(reason: "the address may not have a user, a query or a fragment")
        }
        var end = text[...]
        while end.last == "/" { end.removeLast() }
        description = String(end)
    }

    /// - Parameters:
    ///   - path: the parts after the address, not yet escaped.
    ///   - query: those without a value are left out.
    func url(_ path: [String], query: [(name: String, value: String?)] = []) -> String {
        let pairs = query.compactMap { pair in
            pair.value.map { "\(PercentEncoding.encode(pair.name))=\(PercentEncoding.encode($0))" }
        }
        return description + path.map { "/" + PercentEncoding.encode($0) }.joined()
            + (pairs.isEmpty ? "" : "?" + pairs.joined(separator: "&"))
    }
}
