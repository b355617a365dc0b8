// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

import AsyncHTTPClient
import NIOCore
import NIOHTTP1

/// A client of one API server.
///
/// It uses HTTP/1.1, where each call has a connection of its own while it runs: a call that gets no answer closes its
/// connection, and the next one opens another. With HTTP/2, all calls would share the dead connection.
public final class KubernetesClient: Sendable {
    /// The time limit of calls that do not have one of their own.
    public static let defaultTimeLimit = Duration.seconds(30)

    /// A longer answer is refused. A page of 500 volumes has two megabytes.
    private static let maximumAnswerBytes = 256 << 20
    /// The maximum number of connections at a time. Each watch takes one.
    private static let maximumConnections = 64

    public let credentials: Credentials
    private let http: HTTPClient
    private let userAgent: String

    /// - Parameter program: the name and the version of the program, such as `rbd-rest-api/0.1.0`. API servers log it.
    ///
    /// ``shutdown()`` must be called before the client is released.
    public init(_ credentials: Credentials, program: String) {
        self.credentials = credentials
        userAgent = program
        var configuration = HTTPClient.Configuration(redirectConfiguration: .disallow)
        configuration.timeout.connect = .seconds(10)
        // A refused connection is reported, and not tried again until the time limit.
        configuration.connectionPool.retryConnectionEstablishment = false
        configuration.connectionPool.concurrentHTTP1ConnectionsPerHostSoftLimit = Self.maximumConnections
        configuration.httpVersion = .http1Only
        if let (name, host) = credentials.settings.server.connection { configuration.dnsOverride = [name: host] }
        http = HTTPClient(configuration: configuration)
    }

    /// Closes all connections. Calls that run fail.
    public func shutdown() async {
        // The only error is that the client is shut down already.
        try? await http.shutdown()
    }

    /// A call, before the credentials are added.
    struct Call: Sendable {
        var method: HTTPMethod
        var path: [String]
        var query: [(name: String, value: String?)] = []
        var body: JSONValue?
        var contentType = "application/json"
        var timeLimit = KubernetesClient.defaultTimeLimit
    }

    /// - Returns: the object of the answer; empty if it has none.
    /// - Throws: ``KubernetesError``, `CancellationError`.
    func send(_ call: Call) async throws -> JSONObject {
        let request = self.request(call)
        let http = self.http
        do {
            return try await withTimeLimit(call.timeLimit) {
                let response = try await http.execute(request, deadline: .now() + .hours(48))
                let body = Array(try await response.body.collect(upTo: Self.maximumAnswerBytes).readableBytesView)
                guard (200..<300).contains(response.status.code) else {
                    throw Self.refusal(response, body)
                }
                if body.isEmpty { return JSONObject() }
                guard let object = try JSONValue(parsing: body).object else {
                    throw KubernetesError(.invalidAnswer, message: "the answer is not an object")
                }
                return object
            }
        } catch {
            throw translated(error)
        }
    }

    /// Opens a stream, and passes on the parts of its body until it ends.
    /// - Parameters:
    ///   - idleLimit: how long the stream may be silent.
    ///   - onBytes: gets each part of the body; an empty one first, when the server has accepted the request.
    /// - Throws: ``KubernetesError``, `CancellationError`.
    func stream(
        _ call: Call,
        idleLimit: Duration,
        onBytes: @escaping @Sendable (ByteBuffer) async throws -> Void
    ) async throws {
        let request = self.request(call)
        let http = self.http
        let end = ContinuousClock.now + call.timeLimit
        let contact = LastContact(.now)
        do {
            try await withThrowingTaskGroup(of: Void.self) { group in
                group.addTask {
                    let response = try await http.execute(request, deadline: .now() + .hours(48))
                    guard response.status == .ok else {
                        let body = try await response.body.collect(upTo: Self.maximumAnswerBytes)
                        throw Self.refusal(response, Array(body.readableBytesView))
                    }
                    contact.note()
                    try await onBytes(ByteBuffer())
                    for try await buffer in response.body {
                        contact.note()
                        try await onBytes(buffer)
                    }
                    // A cancelled stream may end without an error.
                    try Task.checkCancellation()
                }
                group.addTask {
                    while true {
                        let limit = min(end, (contact.instant ?? .now) + idleLimit)
                        if limit <= .now { throw TimeLimitPassed(limit: idleLimit) }
                        try await Task.sleep(until: limit, clock: .continuous)
                    }
                }
                defer { group.cancelAll() }
                _ = try await group.next()
            }
        } catch {
            throw translated(error)
        }
    }

    private func request(_ call: Call) -> HTTPClientRequest {
        let current = credentials.current()
        var request = HTTPClientRequest(url: credentials.settings.server.url(call.path, query: call.query))
        request.method = call.method
        request.tlsConfiguration = current.tls
        request.headers.add(name: "user-agent", value: userAgent)
        request.headers.add(name: "accept", value: "application/json")
        if let token = current.token { request.headers.add(name: "authorization", value: "Bearer \(token)") }
        if let body = call.body {
            request.headers.add(name: "content-type", value: call.contentType)
            request.body = .bytes(ByteBuffer(bytes: body.bytes))
        }
        return request
    }

    private static func refusal(_ response: HTTPClientResponse, _ body: [UInt8]) -> KubernetesError {
        let retryAfter = response.headers.first(name: "retry-after").flatMap { Int($0) }
        return KubernetesError(code: Int(response.status.code), body: body, retryAfter: retryAfter)
    }

    /// What is thrown to callers. The client's own errors of cancelled tasks have several types.
    private func translated(_ error: any Error) -> any Error {
        if Task.isCancelled || error is CancellationError { return CancellationError() }
        let error = KubernetesError(connection: error)
        if error.reason == .unauthorized { credentials.expire() }
        return error
    }
}
