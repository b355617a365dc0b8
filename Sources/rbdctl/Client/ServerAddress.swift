// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

internal import FoundationEssentials
internal import NIOCore
internal import RBDAPI

/// The address of the service, to which paths are appended.
struct ServerAddress: Hashable, Sendable, CustomStringConvertible {
    /// The address as given, without a slash at the end.
    let description: String
    /// The base that paths are appended to.
    private let base: String
    /// Whether this is a socket in the file system, which has no name for a Host header.
    let isSocket: Bool
    /// Whether nobody on the way to the service can read the traffic.
    let isPrivate: Bool

    private static let socketScheme = "unix:"

    struct ParseError: Error, Hashable {
        var reason: String
    }

    init(parsing text: String) throws(ParseError) {
        if text.hasPrefix(Self.socketScheme) {
            let path = String(text.dropFirst(Self.socketScheme.count))
            guard path.hasPrefix("/") else { throw ParseError(reason: "\"\(text)\": write a socket as unix:/PATH") }
            description = text
            base = "http+unix://\(PercentEncoding.encode(path))"
            isSocket = true
            isPrivate = true
            return
        }
        guard text.contains("://") else {
            throw ParseError(
                reason: "\"\(text)\" is not an address; write it as http://HOST:PORT, https://HOST:PORT or unix:/PATH"
            )
        }
        guard let url = URL(string: text, encodingInvalidCharacters: false),
            let host = url.host(percentEncoded: false), !host.isEmpty
        else { throw ParseError(reason: "\"\(text)\" is not an address; write it as http://HOST:PORT") }
        // This check comes before any error that shows the text that was given.
        guard url.query() == nil, url.fragment() == nil, url.user() == nil, url.password() == nil else {
            throw ParseError(reason: "the address must not have a user, a query or a fragment")
        }
        guard ["http", "https"].contains(url.scheme?.lowercased()) else {
            throw ParseError(reason: "\"\(text)\": only http and https are supported")
        }
        guard url.port.map({ (1...65535).contains($0) }) ?? true else {
            throw ParseError(reason: "\"\(text)\": the port must be from 1 to 65535")
        }
        var end = text[...]
        while end.last == "/" { end.removeLast() }
        description = String(end)
        base = description
        isSocket = false
        isPrivate = url.scheme?.lowercased() == "https" || Self.isLoopback(host)
    }

    private static func isLoopback(_ host: String) -> Bool {
        if host.lowercased() == "localhost" { return true }
        let address = host.hasPrefix("[") ? String(host.dropFirst().dropLast()) : host
        guard let read = try? SocketAddress(ipAddress: address, port: 0).ipAddress else { return false }
        return read.hasPrefix("127.") || read == "::1"
    }

    /// - Parameters:
    ///   - path: the parts after the address, not yet escaped.
    ///   - query: parameters without a value are left out.
    func url(_ path: [String], query: [(name: String, value: String?)] = []) -> String {
        let pairs = query.compactMap { pair in
            pair.value.map { "\(PercentEncoding.encode(pair.name))=\(PercentEncoding.encode($0))" }
        }
        return base + path.map { "/" + PercentEncoding.encode($0) }.joined()
            + (pairs.isEmpty ? "" : "?" + pairs.joined(separator: "&"))
    }
}
