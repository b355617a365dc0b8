// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

import Dispatch
import Foundation

/// A connection that can send anything, byte by byte.
public final class RawConnection: Sendable {
    private let descriptor: Int32

    /// - Parameters:
    ///   - url: `http://127.0.0.1:PORT`
    ///   - receiveBuffer: the maximum number of bytes in flight to a reader that does not read; nil for the kernel's
    ///     default.
    public init(to url: String, receiveBuffer: Int32? = nil) throws {
        guard let port = url.split(separator: ":").last.flatMap({ UInt16($0) }) else {
            throw TestCluster.Failure(description: "no port in \(url)")
        }
        descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        // The option bounds what the server may send ahead only if it is set before the connection is made.
        if var receiveBuffer {
            setsockopt(descriptor, SOL_SOCKET, SO_RCVBUF, &receiveBuffer, socklen_t(MemoryLayout<Int32>.size))
        }
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = port.bigEndian
        address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
        let result = withUnsafePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
            }
        }
        guard result == 0 else { throw TestCluster.Failure(description: String(cString: strerror(errno))) }
        // Tests wait for an answer or an end. Without either, they fail after a minute.
        var timeout = timeval(tv_sec: 60, tv_usec: 0)
        setsockopt(descriptor, SOL_SOCKET, SO_RCVTIMEO, &timeout, socklen_t(MemoryLayout<timeval>.size))
    }

    deinit {
        close(descriptor)
    }

    /// - Returns: false if the other side no longer accepts data.
    @discardableResult
    public func send(_ text: String) -> Bool {
        send(Array(text.utf8))
    }

    @discardableResult
    public func send(_ bytes: [UInt8]) -> Bool {
        var sent = 0
        while sent < bytes.count {
            let count = bytes[sent...].withUnsafeBytes {
                Foundation.send(descriptor, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL))
            }
            guard count > 0 else { return false }
            sent += count
        }
        return true
    }

    public func endOutput() {
        shutdown(descriptor, Int32(SHUT_WR))
    }

    /// Reads until the other side closes, or until the text fulfils the condition.
    public func read(until isEnough: @escaping @Sendable (String) -> Bool = { _ in false }) async -> String {
        await withCheckedContinuation { continuation in
            // A blocking read must not occupy one of Swift's few threads.
            DispatchQueue.global().async { [self] in
                var text: [UInt8] = []
                var buffer = [UInt8](repeating: 0, count: 64 << 10)
                while !isEnough(String(decoding: text, as: UTF8.self)) {
                    let count = recv(descriptor, &buffer, buffer.count, 0)
                    guard count > 0 else { break }
                    text += buffer[..<count]
                }
                continuation.resume(returning: String(decoding: text, as: UTF8.self))
            }
        }
    }

    /// Reads and discards data until the other side closes or no more is wanted.
    /// - Returns: the number of bytes.
    public func discard(while isWanted: @escaping @Sendable () -> Bool) async -> Int {
        await withCheckedContinuation { continuation in
            DispatchQueue.global().async { [self] in
                var (all, buffer) = (0, [UInt8](repeating: 0, count: 64 << 10))
                while isWanted() {
                    let count = recv(descriptor, &buffer, buffer.count, 0)
                    guard count > 0 else { break }
                    all += count
                }
                continuation.resume(returning: all)
            }
        }
    }

    /// The statuses of the answers in a text, in their order.
    public static func statuses(in text: String) -> [Int] {
        text.split(separator: "HTTP/1.1 ", omittingEmptySubsequences: false).dropFirst().compactMap {
            Int($0.prefix(3))
        }
    }
}
