// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import Glibc

/// The least that can be called an HTTP client: one blocking connection, one request after another. What it costs is
/// counted against the service, so it should cost next to nothing.
final class PlainClient {
    private let descriptor: CInt
    private let host: String
    private var buffer = [UInt8](repeating: 0, count: 64 << 10)

    /// - Parameter server: `http://127.0.0.1:PORT`; a benchmark's load stays on this machine.
    init(server: String) throws {
        let prefix = "http://127.0.0.1:"
        guard server.hasPrefix(prefix), let port = UInt16(server.dropFirst(prefix.count)) else {
            throw ValidationError("--server must be \(prefix)PORT")
        }
        host = String(server.dropFirst("http://".count))
        descriptor = socket(AF_INET, CInt(SOCK_STREAM.rawValue), 0)
        var yes: CInt = 1
        setsockopt(descriptor, CInt(IPPROTO_TCP), TCP_NODELAY, &yes, socklen_t(MemoryLayout<CInt>.size))
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = port.bigEndian
        address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
        let connected = withUnsafePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
            }
        }
        guard connected == 0 else { throw ValidationError("\(server): \(String(cString: strerror(errno)))") }
    }

    deinit {
        close(descriptor)
    }

    /// Sends a request and reads the whole answer.
    /// - Returns: the status and the body.
    func send(_ method: String, _ path: String, json: String = "") throws -> (status: Int, body: String) {
        let request = """
            \(method) \(path) HTTP/1.1\r
            Host: \(host)\r
            Content-Type: application/json\r
            Content-Length: \(json.utf8.count)\r
            \r
            \(json)
            """
        var bytes = Array(request.utf8)
        var sent = 0
        while sent < bytes.count {
            let count = bytes.withUnsafeMutableBytes { write(descriptor, $0.baseAddress! + sent, $0.count - sent) }
            guard count > 0 else { throw ValidationError("the service closed the connection") }
            sent += count
        }
        var answer: [UInt8] = []
        while true {
            let count = read(descriptor, &buffer, buffer.count)
            guard count > 0 else { throw ValidationError("the service closed the connection") }
            answer += buffer[..<count]
            if let complete = try Self.parse(complete: answer) { return complete }
        }
    }

    /// Looks at bytes: to go through characters takes a time that can be seen in the figures.
    /// - Returns: nil while there is more to come.
    private static func parse(complete answer: [UInt8]) throws -> (status: Int, body: String)? {
        let newline = UInt8(ascii: "\n")
        var rest = answer[...]
        var status: Int?
        var length = 0
        while let end = rest.firstIndex(of: newline) {
            let line = rest[..<end]
            rest = rest[(end + 1)...]
            if status == nil {
                // HTTP/1.1 201 Created
                guard let number = number(line.dropFirst("HTTP/1.1".utf8.count)) else {
                    throw ValidationError("not an HTTP answer: \(String(decoding: answer.prefix(60), as: UTF8.self))")
                }
                status = number
            } else if let status, line.count <= 1 {
                return rest.count >= length ? (status, String(decoding: rest, as: UTF8.self)) : nil
            } else if line.starts(with: "content-length:".utf8, by: { $0 | 0x20 == $1 | 0x20 }) {
                length = number(line.dropFirst("content-length:".utf8.count)) ?? 0
            }
        }
        return nil
    }

    /// The number at the beginning, after spaces.
    private static func number(_ bytes: ArraySlice<UInt8>) -> Int? {
        let digits = bytes.drop { $0 == UInt8(ascii: " ") }.prefix { (0x30...0x39).contains($0) }
        return digits.isEmpty ? nil : digits.reduce(0) { $0 * 10 + Int($1 & 15) }
    }
}
