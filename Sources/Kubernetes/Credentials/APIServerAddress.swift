// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

import FoundationEssentials
import NIOCore

/// The address of an API server, to which paths are appended.
struct APIServerAddress: Sendable {
    /// The address without a slash at the end. It may have a path, as behind Rancher.
    private let base: String
    /// The host to connect to, if the server's certificate has another name.
    let connection: (name: String, host: String)?
    let isEncrypted: Bool
    /// Whether nobody on the way to the server can read the traffic.
    let isPrivate: Bool

    /// - Parameters:
    ///   - origin: where the text is from, for errors.
    ///   - tlsServerName: the name in the server's certificate; nil if it is the host of the address.
    /// - Throws: ``CredentialsError`` if the text is not an address of http or https.
    init(parsing text: String, tlsServerName: String? = nil, from origin: String) throws(CredentialsError) {
        guard let url = URL(string: text), let host = url.host(percentEncoded: false), !host.isEmpty,
            let scheme = url.scheme?.lowercased(), ["http", "https"].contains(scheme), url.query() == nil,
            url.fragment() == nil, url.user() == nil, url.port.map({ (1...65535).contains($0) }) ?? true
        else { throw CredentialsError("\(origin): \"\(text)\" is not an address; write it as https://HOST:PORT") }
        isEncrypted = scheme == "https"
        isPrivate = isEncrypted || Self.isLoopback(host)
        var path = url.path()[...]
        while path.last == "/" { path.removeLast() }
        let port = url.port.map { ":\($0)" } ?? ""
        let bare = Self.bare(host)
        let name = tlsServerName.flatMap { $0.isEmpty ? nil : $0 }
        if let name {
            guard name.utf8.allSatisfy({ $0 > 0x20 && $0 < 0x7F && $0 != UInt8(ascii: "/") && $0 != UInt8(ascii: ":") })
            else { throw CredentialsError("\(origin): tls-server-name \"\(name)\" is not the name of a host") }
            connection = (name, bare)
        } else {
            connection = nil
        }
        let shown = name ?? (bare.contains(":") ? "[\(bare)]" : bare)
        base = "\(scheme)://\(shown)\(port)\(path)"
    }

    /// - Parameters:
    ///   - path: the parts after the address, not yet escaped.
    ///   - query: parameters without a value are left out.
    func url(_ path: [String], query: [(name: String, value: String?)] = []) -> String {
        let pairs = query.compactMap { pair in
            pair.value.map { "\(Self.escaped(pair.name))=\(Self.escaped($0))" }
        }
        return base + path.map { "/" + Self.escaped($0) }.joined()
            + (pairs.isEmpty ? "" : "?" + pairs.joined(separator: "&"))
    }

    /// Escapes all but the unreserved characters (RFC 3986).
    private static func escaped(_ text: String) -> String {
        text.utf8.reduce(into: "") { result, byte in
            switch byte {
            case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"), UInt8(ascii: "."), UInt8(ascii: "_"),
                UInt8(ascii: "~"):
                result.unicodeScalars.append(Unicode.Scalar(byte))
            default:
                let digits = String(byte, radix: 16, uppercase: true)
                result += digits.utf8.count == 1 ? "%0\(digits)" : "%\(digits)"
            }
        }
    }

    /// The host without the brackets of an IPv6 address.
    private static func bare(_ host: String) -> String {
        host.hasPrefix("[") ? String(host.dropFirst().dropLast()) : host
    }

    private static func isLoopback(_ host: String) -> Bool {
        if host.lowercased() == "localhost" { return true }
        guard let address = try? SocketAddress(ipAddress: bare(host), port: 0).ipAddress else { return false }
        return address.hasPrefix("127.") || address == "::1"
    }
}
