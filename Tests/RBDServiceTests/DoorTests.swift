// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

import Foundation
import NIOCore
import RBDAPI
import TestSupport
import Testing

@testable import RBDService

/// What the service does with broken, slow or hostile clients, over real sockets. No cluster is needed, because no
/// request may get that far.
struct DoorTests {
    /// Sends the whole text at once and reads until the service closes the connection.
    private func exchange(_ text: String, to server: TestServer) async throws -> String {
        let connection = try RawConnection(to: server.url)
        connection.send(text)
        return await connection.read()
    }

    struct Rudeness: Sendable, CustomTestStringConvertible {
        var request: String
        var status: Int
        var testDescription: String { String(request.prefix(70)) }

        init(_ status: Int, _ request: String) {
            self.status = status
            self.request = request
        }
    }

    private static let host = "Host: x\r\n"

    /// Each of these requests is followed by another one that must not be answered.
    static let rude: [Rudeness] = [
        Rudeness(400, "GET /livez HTTP/1.1\r\n\r\n"),
        Rudeness(400, "GET /livez HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n"),
        Rudeness(400, "GET /livez HTTP/1.1\r\nHost: a, b\r\n\r\n"),
        Rudeness(400, "GET /livez HTTP/1.1\r\nHost: a/b\r\n\r\n"),
        Rudeness(400, "POST /x HTTP/1.1\r\n\(host)Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n"),
        Rudeness(
            400,
            "POST /x HTTP/1.1\r\n\(host)Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"
        ),
        Rudeness(400, "POST /x HTTP/1.1\r\n\(host)Transfer-Encoding: identity\r\n\r\n"),
        Rudeness(400, "POST /x HTTP/1.1\r\n\(host)Transfer-Encoding: xchunked\r\n\r\n"),
        Rudeness(400, "POST /x HTTP/1.1\r\n\(host)Transfer-Encoding : chunked\r\n\r\n0\r\n\r\n"),
        Rudeness(400, "POST /x HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"),
        Rudeness(400, "POST /x HTTP/1.1\r\n\(host)Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"),
        Rudeness(400, "POST /x HTTP/1.1\r\n\(host)Content-Length: 5\r\nContent-Length: 6\r\n\r\nhello"),
        Rudeness(400, "POST /x HTTP/1.1\r\n\(host)Content-Length: 5, 6\r\n\r\nhello"),
        Rudeness(400, "POST /x HTTP/1.1\r\n\(host)Content-Length: +5\r\n\r\nhello"),
        Rudeness(400, "POST /x HTTP/1.1\r\n\(host)Content-Length: -1\r\n\r\n"),
        Rudeness(400, "POST /x HTTP/1.1\r\n\(host)Content-Length: 0x5\r\n\r\nhello"),
        Rudeness(400, "POST /x HTTP/1.1\r\n\(host)Content-Length: 99999999999999999999\r\n\r\n"),
        Rudeness(413, "POST /x HTTP/1.1\r\n\(host)Content-Length: 9999999999\r\n\r\n"),
        Rudeness(400, "POST /x HTTP/1.1\r\n\(host)Transfer-Encoding: chunked\r\n\r\nzz\r\n\r\n"),
        Rudeness(400, "GET /livez HTTP/1.1\r\n\(host)X-A: a\u{1}b\r\n\r\n"),
        Rudeness(400, "GET /livez HTTP/1.1\r\n\(host)X A: b\r\n\r\n"),
        Rudeness(400, "GET /livez HTTP/1.1\r\n\(host) folded: b\r\n\r\n"),
        Rudeness(400, "GET /livéz HTTP/1.1\r\n\(host)\r\n"),
        Rudeness(400, "GET ftp://x/livez HTTP/1.1\r\n\(host)\r\n"),
        Rudeness(400, "GET /livez?\(String(repeating: "a&", count: 5000)) HTTP/1.1\r\n\(host)\r\n"),
        Rudeness(400, "GET livez HTTP/1.1\r\n\(host)\r\n"),
        Rudeness(400, "CONNECT x:80 HTTP/1.1\r\n\(host)\r\n"),
        Rudeness(400, "NONSENSE /livez HTTP/1.1\r\n\(host)\r\n"),
        Rudeness(400, "\u{16}\u{3}\u{1}\u{2}\u{0}\u{1}hello"),
        Rudeness(505, "GET /livez HTTP/2.0\r\n\(host)\r\n"),
        Rudeness(417, "POST /x HTTP/1.1\r\n\(host)Expect: a-miracle\r\nContent-Length: 0\r\n\r\n"),
        Rudeness(431, "GET /livez HTTP/1.1\r\n\(host)X-A: \(String(repeating: "a", count: 20_000))\r\n\r\n"),
        Rudeness(431, "GET /livez HTTP/1.1\r\n\(host)\(String(repeating: "X-A: a\r\n", count: 200))\r\n"),
    ]

    @Test(arguments: rude)
    func rudenessEndsTheConnection(rudeness: Rudeness) async throws {
        try await TestServer.run { server in
            let answer = try await exchange(
                rudeness.request + "GET /openapi.yaml HTTP/1.1\r\nHost: x\r\n\r\n",
                to: server
            )
            // There is one answer, and none to the request that follows.
            #expect(RawConnection.statuses(in: answer) == [rudeness.status], "\(answer.prefix(300))")
            #expect(answer.contains("Connection: close"))
            #expect(answer.contains("application/problem+json"))
            #expect(answer.contains("X-Request-Id: "))
            #expect(answer.contains("X-Content-Type-Options: nosniff\r\n"))
            #expect(answer.contains("Cache-Control: private, no-cache\r\n"))
            #expect(try await server.get("/livez").status == 200)
        }
    }

    @Test func bytesThatAreNoTextAreRefused() async throws {
        try await TestServer.run { server in
            let connection = try RawConnection(to: server.url)
            connection.send(
                Array("GET /livez HTTP/1.1\r\nHost: x\r\nX-A: ".utf8) + [0xC3, 0x28] + Array("\r\n\r\n".utf8)
            )
            #expect(RawConnection.statuses(in: await connection.read()) == [400])
        }
    }

    @Test func anUnreadBodyIsNoRequest() async throws {
        try await TestServer.run { server in
            let smuggled = "DELETE /v1/pools/rbd/images/x HTTP/1.1\r\nHost: x\r\n\r\n"
            let padding = String(repeating: " ", count: 60_000)
            // The request is answered 404 before its body has arrived.
            let connection = try RawConnection(to: server.url)
            connection.send("POST /nope HTTP/1.1\r\nHost: x\r\nContent-Length: 60100\r\n\r\n")
            _ = await connection.read { $0.contains("route-not-found") }
            connection.send(smuggled + padding + smuggled)
            let rest = await connection.read()
            #expect(RawConnection.statuses(in: rest).isEmpty, "\(rest.prefix(300))")
            // The same with a body that is too long to wait for.
            let answer = try await exchange(
                "POST /nope HTTP/1.1\r\nHost: x\r\nContent-Length: 3000000\r\n\r\n" + smuggled,
                to: server
            )
            #expect(RawConnection.statuses(in: answer) == [413])
        }
    }

    @Test func aChunkedBodyHasALimit() async throws {
        try await TestServer.run { server in
            let connection = try RawConnection(to: server.url)
            connection.send(
                "POST /v1/pools HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n"
            )
            for _ in 0..<20 { connection.send("1000\r\n" + String(repeating: "a", count: 4096) + "\r\n") }
            #expect(RawConnection.statuses(in: await connection.read()) == [413])
        }
    }

    /// Otherwise, the head would be a packet of its own, and would wake the client.
    @Test func aShortAnswerIsOnePacket() async throws {
        try await TestServer.run { server in
            let connection = try RawConnection(to: server.url)
            for _ in 0..<50 {
                connection.send("GET /livez HTTP/1.1\r\n\(Self.host)\r\n")
                let first = await connection.read { !$0.isEmpty }
                #expect(first.hasSuffix(#"{"status":"ok"}"#))
            }
        }
    }

    @Test func pipelinedRequestsAreAnsweredInTheirOrder() async throws {
        try await TestServer.run { server in
            let get = { (path: String) in "GET \(path) HTTP/1.1\r\nHost: x\r\n\r\n" }
            let text =
                get("/livez") + get("/nope") + get("/v1/nope") + get("/livez")
                + "GET /livez HTTP/1.1\r\n\r\n" + get("/livez")
            let answer = try await exchange(text, to: server)
            #expect(RawConnection.statuses(in: answer) == [200, 404, 404, 200, 400])
        }
    }

    /// The compressor is added to a connection between two answers, so that it sees requests and answers in pairs.
    @Test func compressionBeginsBetweenAnswers() async throws {
        try await TestServer.run { server in
            let get = { (path: String, fields: String) in "GET \(path) HTTP/1.1\r\nHost: x\r\n\(fields)\r\n" }
            let accept = "Accept-Encoding: gzip\r\n"
            let connection = try RawConnection(to: server.url)
            connection.send(get("/metrics", "") + get("/metrics", accept) + get("/livez", accept))
            let pipelined = await connection.read { $0.hasSuffix(#"{"status":"ok"}"#) }
            #expect(RawConnection.statuses(in: pipelined) == [200, 200, 200])
            #expect(!pipelined.contains("Content-Encoding"))
            connection.send(
                get("/metrics", accept) + get("/metrics", "") + get("/metrics", accept + "Connection: close\r\n")
            )
            let answers = await connection.read().components(separatedBy: "HTTP/1.1 200 OK").dropFirst()
            #expect(answers.map { $0.contains("Content-Encoding: gzip") } == [true, false, true])
            #expect(!answers.contains { $0.contains("X-Compress") })
        }
    }

    @Test(arguments: ["close", "Close", "CLOSE", "keep-alive, Close", "x,close"])
    func closeIsUnderstoodInAnyCase(option: String) async throws {
        try await TestServer.run { server in
            let request = "GET /livez HTTP/1.1\r\nHost: x\r\nConnection: \(option)\r\n\r\n"
            let answer = try await exchange(request + request, to: server)
            #expect(RawConnection.statuses(in: answer) == [200])
            #expect(answer.contains("Connection: close"))
        }
    }

    @Test func http10ClosesUnlessItSaysOtherwise() async throws {
        try await TestServer.run { server in
            #expect(RawConnection.statuses(in: try await exchange("GET /livez HTTP/1.0\r\n\r\n", to: server)) == [200])
            let kept = "GET /livez HTTP/1.0\r\nConnection: keep-alive\r\n\r\n"
            let answer = try await exchange(kept + kept + "GET /livez HTTP/1.0\r\n\r\n", to: server)
            #expect(RawConnection.statuses(in: answer) == [200, 200, 200])
        }
    }

    @Test func blanksAndUpgradesAreLegal() async throws {
        try await TestServer.run { server in
            let text =
                "POST /nope HTTP/1.1\r\nHost: x \r\nContent-Length: 2 \r\n\r\n{}"
                + "GET /livez HTTP/1.1\r\nHost: x\r\nConnection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\n\r\n"
            let answer = try await exchange(text, to: server)
            #expect(RawConnection.statuses(in: answer) == [404, 200])
            // The refusal of a HEAD request has no body either.
            let head = try await exchange("HEAD /livez HTTP/1.1\r\n\r\n", to: server)
            #expect(RawConnection.statuses(in: head) == [400])
            #expect(head.hasSuffix("\r\n\r\n"))
        }
    }

    @Test func aContinueIsSent() async throws {
        try await TestServer.run { server in
            let connection = try RawConnection(to: server.url)
            connection.send(
                "POST /v1/pools HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 2\r\n"
                    + "Expect: 100-Continue\r\nConnection: close\r\n\r\n"
            )
            let first = await connection.read { $0.contains("\r\n\r\n") }
            #expect(RawConnection.statuses(in: first) == [100])
            connection.send("{}")
            // The name is missing in the body, which shows that the body was read.
            #expect(RawConnection.statuses(in: await connection.read()) == [400])
        }
    }

    /// Runs a server with short timeouts.
    private func withHaste(
        _ change: @escaping @Sendable (inout ServiceConfiguration) -> Void,
        _ body: @escaping @Sendable (TestServer) async throws -> Void
    ) async throws {
        try await TestServer.run(change: change, body)
    }

    @Test(.timeLimit(.minutes(1)))
    func aSlowHeadIsAnswered408() async throws {
        try await withHaste({ $0.headerTimeout = .milliseconds(300) }) { server in
            let connection = try RawConnection(to: server.url)
            connection.send("GET /livez HTTP/1.1\r\n")
            // A byte now and then does not prevent the timeout.
            let trickle = Task {
                while connection.send("X") { try await Task.sleep(for: .milliseconds(50)) }
            }
            let answer = await connection.read()
            trickle.cancel()
            #expect(RawConnection.statuses(in: answer) == [408])
            #expect(answer.contains("request-timeout"))
        }
    }

    @Test(.timeLimit(.minutes(1)))
    func aSlowBodyIsAnswered408() async throws {
        try await withHaste({ $0.bodyTimeout = .milliseconds(300) }) { server in
            let connection = try RawConnection(to: server.url)
            connection.send(
                "POST /v1/pools HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 1000\r\n\r\n"
            )
            let trickle = Task {
                while connection.send(" ") { try await Task.sleep(for: .milliseconds(50)) }
            }
            let answer = await connection.read()
            trickle.cancel()
            #expect(RawConnection.statuses(in: answer) == [408])
        }
    }

    @Test(.timeLimit(.minutes(1)))
    func anIdleConnectionIsClosedWithoutAWord() async throws {
        try await withHaste({ $0.idleTimeout = .milliseconds(300) }) { server in
            let silent = try RawConnection(to: server.url)
            #expect(await silent.read().isEmpty)
            let idle = try RawConnection(to: server.url)
            idle.send("GET /livez HTTP/1.1\r\nHost: x\r\n\r\n")
            #expect(RawConnection.statuses(in: await idle.read()) == [200])
        }
    }

    @Test(.timeLimit(.minutes(1)))
    func connectionsBeyondTheLimitWait() async throws {
        try await withHaste({ $0.maximumConnections = 2 }) { server in
            var first: RawConnection? = try RawConnection(to: server.url)
            let second = try RawConnection(to: server.url)
            for connection in [first, second] {
                connection?.send("GET /livez HTTP/1.1\r\nHost: x\r\n\r\n")
                _ = await connection?.read { $0.contains("\"ok\"") }
            }
            let third = try RawConnection(to: server.url)
            third.send("GET /livez HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
            let answer = Task { await third.read() }
            try await Task.sleep(for: .milliseconds(100))
            first = nil
            #expect(RawConnection.statuses(in: await answer.value) == [200])
        }
    }

    /// A connection that is accepted while the service ends is closed, although no handler takes it.
    @Test(arguments: 0..<20)
    func connectionsMayComeAtTheEnd(round: Int) async throws {
        try await TestServer.run { server in
            for _ in 0..<2 {
                // The thread ends when the server no longer listens.
                Thread.detachNewThread { while (try? RawConnection(to: server.url)) != nil {} }
            }
            try await Task.sleep(for: .milliseconds(round))
        }
    }

    @Test func descriptorsAreLeftForTheCluster() {
        #expect(Descriptors.connections(wanted: 8192, descriptors: 1 << 20) == 8192)
        #expect(Descriptors.connections(wanted: 8192, descriptors: 1024) == 512)
        #expect(Descriptors.connections(wanted: 8192, descriptors: 256) == 128)
        #expect(Descriptors.connections(wanted: 8192, descriptors: 1) == 1)
    }
}
