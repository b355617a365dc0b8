// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

import AsyncHTTPClient
import NIOCore
import NIOHTTP1
import NIOPosix
import NIOSSL
import Synchronization
import TestSupport
import Testing

/// A proxy between a controller and the real API server. It records what both say. It tells the controller nothing that
/// the API server has not said, but it can say it once more, in another order, later or not at all.
///
/// It speaks TLS to the API server, and plain HTTP to the controller, which sends its token so to loopback addresses
/// only.
final class RecordingProxy: Sendable {
    private typealias Connection = NIOAsyncChannel<HTTPServerRequestPart, HTTPServerResponsePart>
    fileprivate typealias Output = NIOAsyncChannelOutboundWriter<HTTPServerResponsePart>

    private struct Watch: Sendable {
        var resource: String
        var output: Output
    }

    private struct State {
        var requests: [ProxiedRequest] = []
        var events: [ProxiedEvent] = []
        var watches: [Int: Watch] = [:]
        var connections: [Int: any Channel] = [:]
        var holds: [HeldRequest] = []
        var isScrambling = false
        var pageSize: Int?
        /// The resources whose next watch asks for a version that the API server no longer has.
        var expired: Set<String> = []
        var count = 0

        mutating func number() -> Int {
            count += 1
            return count
        }
    }

    /// The address for the controller's kubeconfig.
    let address: String
    private let upstream: String
    private let client: HTTPClient
    private let state = Mutex(State())

    /// How long events are collected before they are told in another order.
    private static let scramblingInterval = Duration.milliseconds(200)

    private init(port: Int) throws {
        address = "http://127.0.0.1:\(port)"
        let cluster = try APIServer.cluster
        upstream = cluster.server
        var tls = TLSConfiguration.makeClientConfiguration()
        tls.trustRoots = .file(cluster.authority)
        var configuration = HTTPClient.Configuration(tlsConfiguration: tls, redirectConfiguration: .disallow)
        configuration.httpVersion = .http1Only
        configuration.connectionPool.concurrentHTTP1ConnectionsPerHostSoftLimit = 256
        // A server that is gone is gone for the controller, too.
        configuration.connectionPool.retryConnectionEstablishment = false
        client = HTTPClient(eventLoopGroupProvider: .singleton, configuration: configuration)
    }

    /// Runs the body while the proxy serves.
    static func run(_ body: (RecordingProxy) async throws -> Void) async throws {
        let server = try await ServerBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .bind(host: "127.0.0.1", port: 0) { channel in
                channel.eventLoop.makeCompletedFuture {
                    try channel.pipeline.syncOperations.configureHTTPServerPipeline(withPipeliningAssistance: false)
                    return try Connection(wrappingChannelSynchronously: channel)
                }
            }
        let proxy = try RecordingProxy(port: try #require(server.channel.localAddress?.port))
        let serving = Task { await proxy.serve(server) }
        let result: Result<Void, any Error>
        do { result = .success(try await body(proxy)) } catch { result = .failure(error) }
        for hold in proxy.state.withLock({ $0.holds }) { hold.drop() }
        serving.cancel()
        await serving.value
        try await proxy.client.shutdown()
        try result.get()
    }

    // MARK: What was said

    /// All requests so far.
    var requests: [ProxiedRequest] { state.withLock { $0.requests } }

    /// All requests that change something, except the Lease.
    var writes: [ProxiedRequest] { requests.filter(\.isWrite) }

    /// All events of watches so far, as they came from the API server.
    var events: [ProxiedEvent] { state.withLock { $0.events } }

    // MARK: What is done to it

    /// Tells all events of a watch once more, to each watch that is open.
    /// - Parameter order: the events to tell, from all that were recorded.
    /// - Returns: how many were told.
    func replay(_ order: ([ProxiedEvent]) -> [ProxiedEvent]) async -> Int {
        let (events, watches) = state.withLock { ($0.events, Array($0.watches.values)) }
        var count = 0
        for watch in watches {
            for event in order(events.filter { $0.resource == watch.resource && $0.type != "ERROR" }) {
                guard (try? await watch.output.write(.body(.byteBuffer(event.line)))) != nil else { break }
                count += 1
            }
        }
        return count
    }

    /// From now on, all events of a moment are told twice, and in no order.
    func scramble(_ isScrambling: Bool) {
        state.withLock { $0.isScrambling = isScrambling }
    }

    /// Lists have pages of this size, whatever the controller asks for.
    func setPageSize(_ size: Int?) {
        state.withLock { $0.pageSize = size }
    }

    /// Breaks all watches. The next one of each resource asks for the first version of all, as if the controller had
    /// been away for long.
    func expireWatches() {
        state.withLock { $0.expired = ["persistentvolumes", "persistentvolumeclaims"] }
        cut()
    }

    /// Closes all connections of the controller.
    func cut() {
        for channel in state.withLock({ Array($0.connections.values) }) { channel.close(promise: nil) }
    }

    /// Holds the next request that matches, before the API server gets it.
    func hold(_ matches: @escaping @Sendable (ProxiedRequest) -> Bool) -> HeldRequest {
        let hold = HeldRequest(matches)
        state.withLock { $0.holds.append(hold) }
        return hold
    }

    // MARK: Serving

    private func serve(_ server: NIOAsyncChannel<Connection, Never>) async {
        try? await server.executeThenClose { connections in
            try await withThrowingDiscardingTaskGroup { group in
                for try await connection in connections {
                    group.addTask { await self.serve(connection) }
                }
            }
        }
    }

    private func serve(_ connection: Connection) async {
        let number = state.withLock { state in
            let number = state.number()
            state.connections[number] = connection.channel
            return number
        }
        let work = Task {
            // An error only means that one of the two sides is gone.
            try? await connection.executeThenClose { inbound, output in
                var parts = inbound.makeAsyncIterator()
                while let part = try await parts.next() {
                    guard case .head(let head) = part else { continue }
                    var body = ByteBuffer()
                    while case .body(var bytes)? = try await parts.next() { body.writeBuffer(&bytes) }
                    try await self.answer(head, body, output)
                }
            }
        }
        // A watch that nobody reads any more ends here, too.
        connection.channel.closeFuture.whenComplete { _ in work.cancel() }
        await withTaskCancellationHandler {
            await work.value
        } onCancel: {
            work.cancel()
        }
        state.withLock { $0.connections[number] = nil }
    }

    private func answer(_ head: HTTPRequestHead, _ body: ByteBuffer, _ output: Output) async throws {
        let (request, holds) = state.withLock { state in
            let request = ProxiedRequest(
                number: state.requests.count,
                method: head.method.rawValue,
                uri: head.uri,
                body: String(buffer: body)
            )
            state.requests.append(request)
            return (request, state.holds)
        }
        // Tests look at earlier requests to decide.
        let hold = holds.first { $0.takes(request) }
        let forwarded = forwarded(head, body, request)
        if request.isWatch { return try await relay(request, forwarded, output) }
        // What the controller has sent is on its way, even if the controller is gone.
        let work = Task { () throws -> (HTTPClientResponse, ByteBuffer)? in
            if let hold, await hold.decision() == .drop { return nil }
            let response = try await self.client.execute(forwarded, timeout: .seconds(60))
            let content = try await response.body.collect(upTo: 256 << 20)
            self.note(response, of: request)
            hold?.note(status: Int(response.status.code))
            return (response, content)
        }
        guard let (response, content) = try await work.value else { throw CancellationError() }
        try await output.write(.head(Self.head(of: response, length: content.readableBytes)))
        try await output.write(.body(.byteBuffer(content)))
        try await output.write(.end(nil))
    }

    private func forwarded(_ head: HTTPRequestHead, _ body: ByteBuffer, _ request: ProxiedRequest) -> HTTPClientRequest
    {
        var uri = head.uri
        let (pageSize, isExpired) = state.withLock { state in
            (state.pageSize, request.isWatch && state.expired.remove(request.resource) != nil)
        }
        if let pageSize { uri = uri.replacing(/([?&])limit=[0-9]+/) { "\($0.output.1)limit=\(pageSize)" } }
        if isExpired { uri = uri.replacing(/([?&])resourceVersion=[0-9]+/) { "\($0.output.1)resourceVersion=1" } }
        var request = HTTPClientRequest(url: upstream + uri)
        request.method = head.method
        request.headers = head.headers
        for name in ["host", "connection", "content-length", "transfer-encoding"] { request.headers.remove(name: name) }
        if body.readableBytes > 0 { request.body = .bytes(body) }
        return request
    }

    private static func head(of response: HTTPClientResponse, length: Int?) -> HTTPResponseHead {
        var headers = response.headers
        for name in ["connection", "content-length", "transfer-encoding"] { headers.remove(name: name) }
        if let length { headers.add(name: "content-length", value: String(length)) }
        return HTTPResponseHead(version: .http1_1, status: response.status, headers: headers)
    }

    private func note(_ response: HTTPClientResponse, of request: ProxiedRequest) {
        state.withLock { $0.requests[request.number].status = Int(response.status.code) }
    }

    // MARK: Watches

    private func relay(_ request: ProxiedRequest, _ forwarded: HTTPClientRequest, _ output: Output) async throws {
        let response = try await client.execute(forwarded, deadline: .now() + .hours(1))
        note(response, of: request)
        try await output.write(.head(Self.head(of: response, length: nil)))
        let watch = Watch(resource: request.resource, output: output)
        let number = state.withLock { state in
            let number = state.number()
            if response.status == .ok { state.watches[number] = watch }
            return number
        }
        defer { state.withLock { $0.watches[number] = nil } }
        let kept = KeptLines()
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask {
                while true {
                    try await Task.sleep(for: Self.scramblingInterval)
                    for line in kept.take() { try await output.write(.body(.byteBuffer(line))) }
                }
            }
            group.addTask {
                var rest = ByteBuffer()
                for try await var part in response.body {
                    rest.writeBuffer(&part)
                    while let line = rest.readLine() {
                        let isScrambling = self.state.withLock { state in
                            state.events.append(ProxiedEvent(line, of: watch.resource))
                            return state.isScrambling
                        }
                        if isScrambling {
                            kept.add([line, line])
                        } else {
                            try await output.write(.body(.byteBuffer(line)))
                        }
                    }
                }
                for line in kept.take() { try await output.write(.body(.byteBuffer(line))) }
            }
            _ = try await group.next()
            group.cancelAll()
        }
        try await output.write(.end(nil))
    }
}
