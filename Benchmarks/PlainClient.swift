// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import Glibc

/// A server's answer.
struct Answer {
    var status: Int
    var contentType: String
    var body: [UInt8]
    /// The time from sending the request to the arrival of the first complete line of the body, in milliseconds.
    var firstLine: Double?

    var text: String { String(decoding: body, as: UTF8.self) }
}

/// A minimal HTTP client: one blocking connection, one request after another. Its cost counts against the service, so
/// it should cost next to nothing.
final class PlainClient {
    private let server: String
    private let host: String
    /// -1 if the server has closed the connection after an answer with `Connection: close`.
    private var descriptor: CInt
    /// The header lines of every request.
    private let headers: String
    private var buffer = [UInt8](repeating: 0, count: 64 << 10)
    /// The part of the buffer that has arrived but has not been used.
    private var unread = 0..<0

    /// - Parameter server: `http://127.0.0.1:PORT`. A benchmark's load stays on this machine.
    init(server: String, headers: [String] = []) throws {
        let (address, host) = try Self.address(of: server)
        self.server = server
        self.host = host
        self.headers = headers.map { $0 + "\r\n" }.joined()
        descriptor = try Self.connect(to: address, server)
    }

    deinit {
        if descriptor >= 0 { close(descriptor) }
    }

    /// The port of a server on this machine, and the value of its Host header.
    static func address(of server: String) throws -> (sockaddr_in, host: String) {
        let prefix = "http://127.0.0.1:"
        guard server.hasPrefix(prefix), let port = UInt16(server.dropFirst(prefix.count)) else {
            throw ValidationError("\"\(server)\" must be \(prefix)PORT")
        }
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = port.bigEndian
        address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
        return (address, String(server.dropFirst("http://".count)))
    }

    /// - Returns: a connection without Nagle's delay.
    static func connect(to address: sockaddr_in, _ server: String) throws -> CInt {
        let descriptor = socket(AF_INET, CInt(SOCK_STREAM.rawValue), 0)
        guard descriptor >= 0 else { throw ValidationError("socket: \(String(cString: strerror(errno)))") }
        var yes: CInt = 1
        setsockopt(descriptor, CInt(IPPROTO_TCP), TCP_NODELAY, &yes, socklen_t(MemoryLayout<CInt>.size))
        var address = address
        let connected = withUnsafePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                Glibc.connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
            }
        }
        guard connected == 0 else {
            let reason = String(cString: strerror(errno))
            close(descriptor)
            throw ValidationError("\(server): \(reason)")
        }
        return descriptor
    }

    /// Sends a request and reads the whole answer.
    /// - Returns: the status and the body.
    func send(_ method: String, _ path: String, json: String = "") throws -> (status: Int, body: String) {
        let answer = try exchange(method, path, json: json)
        return (answer.status, answer.text)
    }

    /// Sends a request and reads the whole answer, in chunks or not.
    func exchange(_ method: String, _ path: String, json: String = "", accept: String = "") throws -> Answer {
        var request = "\(method) \(path) HTTP/1.1\r\nHost: \(host)\r\n\(headers)"
        if !accept.isEmpty { request += "Accept: \(accept)\r\n" }
        if !json.isEmpty || method != "GET" {
            request += "Content-Type: application/json\r\nContent-Length: \(json.utf8.count)\r\n"
        }
        request += "\r\n\(json)"
        let start = ContinuousClock.now
        if descriptor < 0 { descriptor = try Self.connect(to: Self.address(of: server).0, server) }
        try write(Array(request.utf8))
        return try read(since: start)
    }

    private func write(_ bytes: [UInt8]) throws {
        var sent = 0
        while sent < bytes.count {
            let count = bytes.withUnsafeBytes { Glibc.write(descriptor, $0.baseAddress! + sent, $0.count - sent) }
            guard count > 0 else { throw ValidationError("the server closed the connection") }
            sent += count
        }
    }

    private func read(since start: ContinuousClock.Instant) throws -> Answer {
        let head = try readHead()
        var answer = Answer(status: head.status, contentType: head.contentType, body: [])
        answer.body.reserveCapacity(head.length)
        // Look for the first line only in NDJSON, because the search costs time.
        let inLines = head.contentType.contains("ndjson")
        var searched = 0
        /// Moves bytes of the body, and checks whether its first line is complete.
        func take(_ length: Int) throws {
            var missing = length
            while missing > 0 {
                if unread.isEmpty { try fill() }
                let part = unread.prefix(missing)
                answer.body += buffer[part]
                unread = part.upperBound..<unread.upperBound
                missing -= part.count
                if inLines, answer.firstLine == nil {
                    if answer.body[searched...].contains(newline) { answer.firstLine = milliseconds(since: start) }
                    searched = answer.body.count
                }
            }
        }
        if head.chunked {
            while true {
                let length = try Self.hexadecimal(readLine())
                try take(length)
                // The end of the chunk's line. After the last chunk, there may be trailers before the empty line.
                while try !readLine().isEmpty {}
                if length == 0 { break }
            }
        } else {
            try take(head.length)
        }
        if head.closes {
            // The Dashboard's server keeps at most ten idle connections.
            close(descriptor)
            descriptor = -1
            unread = 0..<0
        }
        return answer
    }

    private struct Head {
        var status = 0
        var length = 0
        var chunked = false
        var closes = false
        var contentType = ""
    }

    /// Parses bytes, because parsing characters takes so long that it shows in the figures.
    private func readHead() throws -> Head {
        var head = Head()
        // HTTP/1.1 201 Created
        let first = try readLine()
        guard let status = Self.number(first.dropFirst("HTTP/1.1".utf8.count)) else {
            throw ValidationError("not an HTTP answer: \(String(decoding: first.prefix(60), as: UTF8.self))")
        }
        head.status = status
        while true {
            let line = try readLine()
            if line.isEmpty { return head }
            if let value = Self.value(of: "content-length:", in: line) {
                head.length = Self.number(value) ?? 0
            } else if let value = Self.value(of: "content-type:", in: line) {
                head.contentType = String(decoding: value.drop { $0 == 0x20 }, as: UTF8.self)
            } else if Self.value(of: "transfer-encoding:", in: line) != nil {
                head.chunked = true
            } else if let value = Self.value(of: "connection:", in: line) {
                head.closes = value.drop { $0 == 0x20 }.first.map { $0 | 0x20 } == UInt8(ascii: "c")
            }
        }
    }

    /// - Returns: the next line without its end.
    private func readLine() throws -> ArraySlice<UInt8> {
        while true {
            if let end = buffer[unread].firstIndex(of: newline) {
                var line = buffer[unread.lowerBound..<end]
                unread = (end + 1)..<unread.upperBound
                if line.last == UInt8(ascii: "\r") { line.removeLast() }
                return line
            }
            try fill()
        }
    }

    /// Reads more bytes, and appends them to the unused ones.
    private func fill() throws {
        if unread.lowerBound > 0 {
            // This is at most a part of a line.
            let rest = Array(buffer[unread])
            buffer.replaceSubrange(0..<rest.count, with: rest)
            unread = 0..<rest.count
        }
        let room = buffer.count - unread.upperBound
        let count = buffer.withUnsafeMutableBytes {
            Glibc.read(descriptor, $0.baseAddress! + unread.upperBound, room)
        }
        guard count > 0 else { throw ValidationError("the server closed the connection") }
        unread = 0..<(unread.upperBound + count)
    }

    private static func value(of name: StaticString, in line: ArraySlice<UInt8>) -> ArraySlice<UInt8>? {
        let length = name.utf8CodeUnitCount
        guard line.count >= length else { return nil }
        for (index, byte) in line.prefix(length).enumerated() where byte | 0x20 != name.utf8Start[index] { return nil }
        return line.dropFirst(length)
    }

    /// Parses the number at the beginning, after spaces.
    private static func number(_ bytes: ArraySlice<UInt8>) -> Int? {
        let digits = bytes.drop { $0 == UInt8(ascii: " ") }.prefix { (0x30...0x39).contains($0) }
        return digits.isEmpty ? nil : digits.reduce(0) { $0 * 10 + Int($1 & 15) }
    }

    private static func hexadecimal(_ bytes: ArraySlice<UInt8>) throws -> Int {
        guard let length = Int(String(decoding: bytes.prefix { $0 != UInt8(ascii: ";") }, as: UTF8.self), radix: 16)
        else {
            throw ValidationError("not the length of a chunk: \(String(decoding: bytes.prefix(20), as: UTF8.self))")
        }
        return length
    }
}

private let newline = UInt8(ascii: "\n")
